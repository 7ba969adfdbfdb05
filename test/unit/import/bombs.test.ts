import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { importFile } from '../../../src/import/import-file.ts'
import { run } from '../../support/captured.ts'

const AROUND = { folder: '/', own: [] }

/** Lists of which each holds the one before ten times, by an alias; `end` stands in the first. */
function bomb(levels: number, end: string): string {
  const lines = Array.from({ length: levels }, (_, i) => {
    const items = Array.from({ length: 10 }, () => (i === 0 ? end : `*l${i - 1}`))
    return `l${i}: &l${i} [${items.join(', ')}]`
  })
  return `${lines.join('\n')}\n`
}

for (const [what, text, name] of [
  ['an eturnal.yml', `eturnal:\n  secret: a\n${bomb(30, 'x')}`, 'eturnal.yml'],
  ['an eturnal.yml without a leaf', `eturnal:\n  secret: a\n${bomb(30, '{}')}`, 'eturnal.yml'],
  ['a compose file', `services: {}\n${bomb(60, 'x')}`, 'compose.yml'],
  ['an eturnal.yml in a circle', 'eturnal: &a\n  secret: a\n  b: *a\n  c: [*a, *a, *a, *a]\n', 'eturnal.yml'],
  ['a compose file in a circle', 'services: &a\n  b: *a\n  c: [*a, *a, *a, *a]\n', 'compose.yml'],
] as const) {
  t.test(`A-08: aliases that multiply cost no more than a long file: ${what}`, async t => {
    let settings = 0
    try {
      settings = importFile({ text, name }, AROUND).entries.length
    } catch (error) {
      t.match(error, { name: /^(ForeignFile|UnreadableFile)$/ })
    }
    t.ok(settings <= 10_001)
  })
}

t.test(
  'A-08: an alias that leads to what it lies in ends there, and no setting beside it is lost',
  async t => {
    const text =
      'eturnal: &a\n  b: *a\n  c: [*a, *a]\n  listen: &l\n    - port: 3478\n      again: *l\n  realm: example.org\n'
    const keys = importFile({ text, name: 'eturnal.yml' }, AROUND).entries.map(({ key }) => key)
    t.same(keys, ['listen[0].port', 'realm'])
    const compose =
      'services: &s\n  again: *s\n  turn:\n    image: coturn/coturn\n    command: ["--realm=example.org"]\n    more: [*s, *s]\n'
    const carried = importFile({ text: compose, name: 'compose.yml' }, AROUND).entries.map(({ key }) => key)
    t.same(carried, ['realm'])
  },
)

t.test('A-08: a file that no configuration is as long as is not read to its end', async t => {
  const folder = t.testdir({})
  writeFileSync(join(folder, 'turnserver.conf'), `realm=example.org\n${'#'.repeat(1 << 20)}`)
  for (const file of ['turnserver.conf', '/dev/zero'])
    t.match(await run(folder, ['import', file]), { code: 1, stderr: /more than 524288 bytes/ }, file)
  const { stderr } = await run(folder, ['import', 'turnserver.conf', '--lang', 'de'])
  t.match(stderr, /mehr als 524288 Bytes/)
})

t.test(
  'A-08: blank lines cost nothing, and only some unknown settings are compared with those that exist',
  async t => {
    t.same(importFile({ text: '\n'.repeat(500_000), name: 'turnserver.conf' }, AROUND).entries, [])
    const compose = `services:\n  a: |\n    x\n${'\n'.repeat(200_000)}    y\n`
    t.throws(() => importFile({ text: compose, name: 'compose.yml' }, AROUND), { name: 'ForeignFile' })

    const unknown = Array.from({ length: 20_000 }, () => 'listening-prot=1').join('\n')
    const { entries } = importFile({ text: unknown, name: 'turnserver.conf' }, AROUND)
    t.equal(entries.length, 20_000)
    t.equal(entries.filter(({ note }) => JSON.stringify(note ?? '').includes('listening-port')).length, 200)
  },
)
