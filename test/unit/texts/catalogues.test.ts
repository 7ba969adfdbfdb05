import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { LANGUAGES } from '../../../src/texts/language.ts'

const SOURCE = resolve(import.meta.dirname, '../../../src')
const FOLDER = join(SOURCE, 'texts/catalogues')
const NAMES = [...new Set(readdirSync(FOLDER).map(file => file.split('.')[0]!))]
function read(name: string, language: string): Record<string, string> {
  return JSON.parse(readFileSync(join(FOLDER, `${name}.${language}.json`), 'utf8'))
}

function placeholders(text: string): string[] {
  const found = [...text.matchAll(/\{\{|\}\}|\{(\w+)\}/g)].flatMap(([, name]) => name ?? [])
  return [...new Set(found)].sort()
}

function wordsIn(text: string): number {
  return text.match(/\p{L}+/gu)?.length ?? 0
}

t.test('C-08: every catalogue is a file for each language', async t => {
  const files = NAMES.flatMap(name => LANGUAGES.map(language => `${name}.${language}.json`))
  t.same(readdirSync(FOLDER).sort(), files.sort())
  t.ok(NAMES.length > 6)
})

for (const name of NAMES) {
  const english = read(name, 'en')
  for (const language of LANGUAGES.filter(one => one !== 'en')) {
    const other = read(name, language)
    t.test(`U-21: ${name}.${language} has every text of the English one, in its order`, async t => {
      t.same(Object.keys(other), Object.keys(english))
    })

    t.test(`${name}.${language} has the same placeholders`, async t => {
      for (const [key, text] of Object.entries(english))
        t.same(placeholders(other[key] ?? ''), placeholders(text), key)
    })

    t.test(`${name}.${language} is translated`, async t => {
      // What fixes something is often a command, which is the same in every language.
      const sentences = Object.keys(english).filter(
        key => !key.endsWith('.fix') && wordsIn(english[key]!) > 3,
      )
      t.same(
        sentences.filter(key => other[key] === english[key]),
        [],
      )
    })
  }

  for (const language of LANGUAGES) {
    t.test(
      `${name}.${language}: no text is empty, and what depends on a number has every plural form`,
      async t => {
        const texts = read(name, language)
        const forms = new Intl.PluralRules(language).resolvedOptions().pluralCategories
        for (const [key, text] of Object.entries(texts)) {
          t.not(text.trim(), '', key)
          const stem = /^(.*)\.(one|other)$/.exec(key)?.[1]
          if (stem !== undefined) for (const form of forms) t.ok(`${stem}.${form}` in texts, key)
        }
      },
    )
  }
}

t.test('C-08: texts are filled, counted and translated in one place', async t => {
  const sources = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter(path =>
    path.endsWith('.ts'),
  )
  const outside = sources.filter(path => !path.startsWith('texts/'))
  const holding = (pattern: RegExp, paths: readonly string[]) =>
    paths.filter(path => pattern.test(readFileSync(join(SOURCE, path), 'utf8')))
  t.same(holding(/PluralRules/, outside), [], 'plurals')
  t.same(holding(/replaceAll\(.*values/, outside), [], 'placeholders')
  t.same(holding(/[äöüÄÖÜß„“]/, outside), [], 'German')
  t.same(holding(/\b(language|lang)\s*===\s*'(en|de)'/, outside), [], 'a choice of language')
  t.same(holding(/type Language =/, outside), [], 'languages')
})

t.test('U-21: what a running relay says is in the catalogue, and nothing else is', async t => {
  const sources = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
    .filter(path => path.endsWith('.ts'))
    .map(path => [path, readFileSync(join(SOURCE, path), 'utf8')] as const)
  const all = sources.map(([, text]) => text).join('\n')
  for (const key of [...Object.keys(read('running', 'en')), ...Object.keys(read('waiting', 'en'))]) {
    t.ok(all.includes(`'${key}'`), `${key} is said somewhere`)
  }
  const folders = /^(log|relay|workers|operate|process)\//
  for (const [path, text] of sources.filter(([path]) => folders.test(path))) {
    t.notMatch(text, /\bhint: ['`]/, path)
    t.notMatch(text, /new StartError\(['`]/, path)
  }
})

t.test('U-21: what the API and its feed say to people is in the catalogue', async t => {
  const folder = join(SOURCE, 'control')
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!path.endsWith('.ts')) continue
    const text = readFileSync(join(folder, path), 'utf8')
    t.notMatch(text, /\b(?:error|hint|why|text): ['`][a-z]+ /, path)
    t.notMatch(text, /\.close\(\w+, ['`]/, `${path}: a connection is closed with a code alone`)
  }
})
