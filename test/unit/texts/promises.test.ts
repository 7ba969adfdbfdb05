import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import t from 'tap'

const ROOT = resolve(import.meta.dirname, '../../..')
const read = (path: string) => readFileSync(resolve(ROOT, path), 'utf8')
const catalogue = (name: string): Record<string, string> =>
  JSON.parse(read(`src/texts/catalogues/${name}.json`))

t.test('U-11: README offers the built package before npx, and npx before the source', async t => {
  const text = read('README.md')
  const places = ['.deb', 'npx ', 'npm ci'].map(way => text.indexOf(way))
  t.notOk(places.includes(-1))
  t.same(
    places,
    places.toSorted((a, b) => a - b),
  )
})

t.test('U-26: until when a pseudonym stays is the same wherever it is said', async t => {
  for (const [file, sentence] of [
    ['README.md', /forgotten every midnight \(UTC\)/],
    ['turnserver.example.json', /until midnight UTC/],
    ['docs/decisions/0011-pseudonyms.md', /midnight/],
  ] as const)
    t.match(read(file).replaceAll(/\s+(\/\/ )?/g, ' '), sentence, file)
  t.notMatch(
    read('turnserver.example.json').replaceAll(/\s+(\/\/ )?/g, ' '),
    /the same one until the next start/,
  )
})

t.test('U-33: the configuration with its secret, where `init` writes it, is ignored by git', async t => {
  t.ok(read('.gitignore').split('\n').includes('turnserver.json'))
})

t.test('U-35: a session is only said to be ended by the operator where it was', async t => {
  for (const language of ['en', 'de']) {
    const why = catalogue(`console.${language}`)['closed.revoked.why']
    t.type(why, 'string')
    t.notMatch(why, /configuration|Konfiguration/)
  }
})

t.test('O-10: people in the same network are told what router or DNS must do for them', async t => {
  for (const [file, name] of [
    ['docs/operating.md', 'split DNS'],
    ['docs/de/operating.md', 'Split DNS'],
    ['docs/matrix.md', 'split DNS'],
  ] as const) {
    t.match(read(file), /hairpin/i, file)
    t.match(read(file), name, file)
  }
})

t.test('O-31: what a key that begins with 0x needs is said in both languages', async t => {
  for (const file of ['docs/operating.md', 'docs/de/operating.md'])
    t.match(read(file), /`0x`[^.;]*`realm`/s, file)
})

t.test('U-25: the dashboard counts sessions, as console and command line do', async t => {
  const titles = read('deploy/grafana/taciturn.json').match(/(?<="title": ")[^"]*/g)!
  t.ok(titles.includes('Sessions now'))
  t.same(
    titles.filter(title => /\bcalls?\b|allocation/i.test(title)),
    [],
  )
})

t.test(
  'U-25: alert rules say of sessions that they are refused, and of calls what callers notice',
  async t => {
    const rules = read('deploy/prometheus/taciturn.rules.yml')
    t.match(rules, /new sessions are refused/)
    t.notMatch(rules, /new calls?\b|rejects calls/)
  },
)
