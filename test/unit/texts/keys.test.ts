import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { keys } from '../../../packaging/man/settings-page.mjs'

const ROOT = resolve(import.meta.dirname, '../../..')
const read = (path: string) => JSON.parse(readFileSync(join(ROOT, path), 'utf8'))
const german: Readonly<Record<string, string>> = read('packaging/man/keys.de.json')
const described = keys(read('turnserver.schema.json'), '')

t.test('U-21: every key of the configuration is explained in German, and none that is not there', async t => {
  t.same(
    Object.keys(german),
    described.map(({ path }) => path),
  )
})

t.test('U-21: both explanations name the same values, commands, variables and documents', async t => {
  for (const { path, schema } of described)
    t.same(named(german[path]!), named(schema.description ?? ''), path)
})

t.test('U-21: the German explanations address nobody', async t => {
  const all = Object.values(german).join('\n')
  t.same(all.match(/(?<=[\p{L}\d,;)] )Sie\b.*|\b(?:Ihre?[mnrs]?|du|dein\w*)\b.*/gu) ?? [], [])
})

/** What is the same in every language. */
function named(text: string): string[] {
  return (text.match(/"[^"]*"|`[^`]*`|https?:\/\/\S*[^\s.,:;)]|\$[A-Z_]+|docs\/\w+\.md|\d+/g) ?? []).sort()
}
