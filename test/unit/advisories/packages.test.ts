import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const ROOT = join(import.meta.dirname, '..', '..', '..')

t.test('S-21: the documents give the lifetime of nonces that the program has', async t => {
  const source = readFileSync(join(ROOT, 'src', 'relay', 'relay-config.ts'), 'utf8')
  t.match(source, /^const NONCE_LIFETIME = 3600$/m)
  for (const [file, says] of [
    ['threat-model.md', 'end after an hour'],
    ['advisories.md', 'Nonces did not expire | after an hour they do'],
  ] as const) {
    const text = readFileSync(join(ROOT, 'docs', file), 'utf8')
    t.match(text, says)
    t.notMatch(text, /nonces[^|.]*(ten|10) minutes/i)
  }
})

t.test('S-22: the threat model counts the packages that are there at run time', async t => {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<
      string,
      { dev?: boolean; devOptional?: boolean; hasInstallScript?: boolean; dependencies?: object }
    >
  }
  const all = Object.entries(packages).filter(([path, { dev, devOptional }]) => path && !dev && !devOptional)
  const direct = Object.keys(packages['']?.dependencies ?? {})
  t.same(
    all.filter(([, { hasInstallScript }]) => hasInstallScript),
    [],
  )
  const words = 'No One Two Three Four Five Six Seven Eight Nine Ten Eleven Twelve'.split(' ')
  const text = readFileSync(join(ROOT, 'docs', 'threat-model.md'), 'utf8')

  t.match(
    text,
    `${words[direct.length]} packages at run time, ${all.length} with those that they need in turn`,
  )
})
