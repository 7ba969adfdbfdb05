import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ParseError, parse } from 'jsonc-parser'
import t from 'tap'
import { schema } from '../../../src/config/schema/schema.ts'

/*
 * What the documents show of a configuration is one, in both languages: an operator copies it.
 */

const ROOT = join(import.meta.dirname, '../../..')
const PAGES = ['README.md', ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })]
  .filter(name => name.endsWith('.md'))
  .map(name => (name === 'README.md' ? name : join('docs', name)))

const SECTIONS = Object.keys(schema.shape)

/** Every piece of JSON on a page: whole blocks, and in the text what begins with a key. */
function pieces(page: string): string[] {
  const text = readFileSync(join(ROOT, page), 'utf8')
  const blocks = [...text.matchAll(/^[ ]*```jsonc?\n(.*?)^[ ]*```$/gms)].map(([, block = '']) => block)
  const prose = text.replaceAll(/^[ ]*```.*?^[ ]*```$/gms, '')
  const spans = [...prose.matchAll(/`("[a-zA-Z]+": [^`]*)`/g)].map(([, span = '']) =>
    span.replaceAll('\n', ' '),
  )
  return [...blocks, ...spans]
}

let shown = 0
for (const page of PAGES) {
  t.test(`what ${page} shows of a configuration is accepted`, async t => {
    for (const piece of pieces(page)) {
      const broken: ParseError[] = []
      const trimmed = piece.trim().replace(/,$/, '')
      const text = trimmed.startsWith('{') ? trimmed : `{${trimmed}}`
      const value: Record<string, unknown> = parse(text, broken, { allowTrailingComma: true }) ?? {}
      const [section = ''] = Object.keys(value)
      if (!SECTIONS.includes(section)) continue
      shown++
      t.same(broken, [], piece)
      const read = schema.safeParse(value)
      t.same(read.success ? [] : read.error.issues.map(({ path, message }) => [...path, message]), [], piece)
    }
  })
}

t.test('and there are such pieces', async t => t.ok(shown > 40, `${shown}`))
