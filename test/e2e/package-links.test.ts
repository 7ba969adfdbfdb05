import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { linksOf, withLiveLinks } from '../../packaging/deb/links.mjs'

const ROOT = join(import.meta.dirname, '../..')

t.test('U-28: a link that leads to nothing becomes its text, and others stay', async t => {
  const text = 'See [a](b.md#c), [x](../src/x.ts), ![p](p.webp), [w](https://w.example/), [s](#s).'
  const isThere = (path: string) => path === 'docs/b.md'
  t.same(linksOf(text, 'docs/a.md'), ['docs/b.md', 'src/x.ts', 'docs/p.webp'])
  t.equal(
    withLiveLinks(text, 'docs/a.md', isThere),
    'See [a](b.md#c), x, , [w](https://w.example/), [s](#s).',
  )
})

t.test('U-28: every relative link of the sources’ documents leads somewhere', async t => {
  const files = ['README.md', 'SECURITY.md', 'bench/README.md'].concat(
    readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' }).map(name => `docs/${name}`),
  )
  for (const file of files.filter(name => name.endsWith('.md'))) {
    const dead = linksOf(readFileSync(join(ROOT, file), 'utf8'), file).filter(
      path => !existsSync(join(ROOT, path)),
    )
    t.same(dead, [], file)
  }
})

t.test('U-28: the package has rules and dashboard, and no dead link', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'deb-links-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const built = execFileSync(process.execPath, [join(ROOT, 'packaging/deb/build.mjs'), '--out', folder], {
    encoding: 'utf8',
  })
  execFileSync('dpkg-deb', ['--extract', built.trim(), join(folder, 'tree')])
  const documents = join(folder, 'tree/usr/share/doc/taciturn')
  for (const name of [
    'deploy/prometheus/taciturn.rules.yml',
    'deploy/grafana/taciturn.json',
    'fail2ban/filter.d/taciturn.conf',
  ])
    t.ok(existsSync(join(documents, name)), name)
  let seen = 0
  for (const name of readdirSync(documents, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.md')) continue
    for (const path of linksOf(readFileSync(join(documents, name), 'utf8'), name)) {
      seen++
      t.ok(existsSync(join(documents, path)), `${name}: ${path}`)
    }
  }
  t.ok(seen > 50)
})
