import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import t from 'tap'

const DOCS = resolve(import.meta.dirname, '../../../docs')
const TRANSLATED = readdirSync(join(DOCS, 'de'))

/** The parts of a page that have to be the same in every language, in their order. */
function parts(file: string): string[] {
  const found: string[] = []
  let code: string[] | undefined
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line.startsWith('```')) {
      if (code) found.push(code.join('\n'))
      code = code ? undefined : [line]
    } else if (code) {
      // Comments are translated; what is typed is not.
      const typed = line.replace(/(^|\s+)#[^!].*$/, '')
      if (typed !== '') code.push(typed)
    } else {
      const heading = /^#+(?= )/.exec(line)?.[0]
      if (heading) found.push(heading)
      if (line.startsWith('|')) found.push(`row of ${line.replaceAll('\\|', '').split('|').length}`)
      const step = /^(?:\*\*)?(\d+)\. /.exec(line)?.[1]
      if (step) found.push(`step ${step}`)
    }
  }
  return found
}

/** The anchors that GitHub gives to the headings of a page. */
function anchors(file: string): string[] {
  const headings = readFileSync(file, 'utf8').match(/^#+ .*$/gm) ?? []
  return headings.map(heading =>
    heading
      .replace(/^#+ /, '')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

t.test('U-21: what one does first is explained in German too', async t => {
  t.same(TRANSLATED.sort(), ['matrix.md', 'operating.md'])
})

for (const name of TRANSLATED) {
  const english = join(DOCS, name)
  const german = join(DOCS, 'de', name)

  t.test(`U-21: ${name} has the same headings, commands, tables and steps in both languages`, async t => {
    t.same(parts(german), parts(english))
    t.ok(parts(english).length > 20)
  })

  t.test(`U-21: ${name} leads to its other language, and no link of the German one is dead`, async t => {
    t.match(readFileSync(english, 'utf8'), `[Deutsch](de/${name})`)
    const text = readFileSync(german, 'utf8')
    t.match(text, `[English](../${name})`)
    for (const [, target = '', anchor] of text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)) {
      const file = target === '' ? german : join(dirname(german), target)
      t.ok(existsSync(file), target)
      if (anchor !== undefined) t.ok(anchors(file).includes(anchor), `${target}#${anchor}`)
    }
  })

  t.test(`U-21: ${name} addresses nobody, and uses the words of the glossary`, async t => {
    const prose = readFileSync(german, 'utf8').replaceAll(/```[\s\S]*?```|`[^`]*`/g, '')
    t.same(prose.match(/(?<=[\p{L}\d,;)] )Sie\b.*|\b(?:Ihre?[mnrs]?|du|dein\w*)\b.*/gu) ?? [], [])
    const glossary = readFileSync(join(DOCS, 'glossary-de.md'), 'utf8')
    const banned = [...glossary.matchAll(/^\|[^|]*\|[^|]*\| ([^|-][^|]*) \|$/gm)].flatMap(([, words = '']) =>
      words.split(', ').filter(word => /^[A-ZÄÖÜ]/u.test(word) && word !== 'Peer'),
    )
    t.ok(banned.includes('Lauscher'))
    for (const word of banned) t.notMatch(prose, new RegExp(`\\b${word}(?:s|n|en)?\\b`, 'u'), word)
  })
}
