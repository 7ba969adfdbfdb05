import t from 'tap'
import { importFile } from '../../../src/import/import-file.ts'

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
