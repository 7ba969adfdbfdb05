import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { DROP_COUNTERS } from '../../../src/base/counters.ts'
import { explainReason, type ReasonTable, reasonName } from '../../../src/console/reasons.ts'
import { type TextKey, wordsOf } from '../../../src/console/words.ts'
import consoleTexts from '../../../src/texts/catalogues/console.en.json' with { type: 'json' }
import testTexts from '../../../src/texts/catalogues/test.en.json' with { type: 'json' }

const SOURCE = join(import.meta.dirname, '../../../src')

t.test('every reason of the relay has a title, a meaning and a kind, in both languages', t => {
  const types = readFileSync(join(SOURCE, 'core/event.ts'), 'utf8')
  const union = (name: string) => {
    const body = new RegExp(`export type ${name} =([^\\n]*(?:\\n +\\|[^\\n]*)*)`).exec(types)?.[1] ?? ''
    return [...body.matchAll(/'([^']+)'/g)].map(([, word]) => word!)
  }
  const words: Record<ReasonTable, readonly string[]> = {
    rejected: union('RejectReason'),
    closed: union('CloseReason'),
    dropped: Object.values(DROP_COUNTERS),
  }
  t.ok(words.rejected.length > 10 && words.closed.length > 3 && words.dropped.length > 10)
  for (const language of ['en', 'de'] as const) {
    for (const [table, list] of Object.entries(words)) {
      for (const word of list) {
        const { title, meaning } = explainReason(table as ReasonTable, word, wordsOf(language))
        t.not(title, word, `${language} ${table} ${word}`)
        t.not(meaning, '', `${language} ${table} ${word}`)
      }
    }
  }
  t.end()
})

t.test('a reason that the console does not know is shown as the relay says it', t => {
  t.same(explainReason('rejected', 'brand-new', wordsOf('en')), {
    title: 'brand-new',
    meaning: '',
    kind: 'normal',
  })
  t.equal(reasonName('dropNotStun'), 'not-stun')
  t.equal(reasonName('not_stun'), 'not-stun')
  t.end()
})

t.test('every text is used', t => {
  const sources = ['console', 'verdict']
    .flatMap(name => {
      const folder = join(SOURCE, name)
      return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map(path => join(folder, path))
    })
    .filter(path => path.endsWith('.ts'))
    .map(path => readFileSync(path, 'utf8'))
    .join('\n')
  // Some keys are made of a fixed beginning and a word of the relay.
  const made = [...sources.matchAll(/[`']([\w.-]+\.)\$\{/g)].map(([, start]) => start!)
  const tables = ['rejected.', 'dropped.', 'closed.', 'error.']
  const isUsed = (key: string) => {
    const stem = key.replace(/\.(one|other)$/, '')
    return (
      sources.includes(`'${stem}'`) ||
      [...made, ...tables].some(start => key.startsWith(start)) ||
      sources.includes(`'${key}'`)
    )
  }
  for (const en of [consoleTexts, testTexts])
    t.same(
      Object.keys(en).filter(key => !isUsed(key)),
      [],
    )
  t.end()
})

t.test('placeholders are filled and numbers counted', t => {
  const words = wordsOf('de')
  t.equal(words.count('days', 1), '1 Tag')
  t.equal(words.count('days', 1200), '1.200 Tage')
  t.equal(words.say('card.of', { limit: '{x}' }), 'von {x}')
  t.equal(words.knows('nonsense'), false)
  t.equal(words.knows('toString'), false)
  t.ok(words.knows('card.of' satisfies TextKey))
  t.end()
})
