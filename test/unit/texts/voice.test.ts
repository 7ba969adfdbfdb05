import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'

const ROOT = resolve(import.meta.dirname, '../../..')
/** What is read by people: sources with their comments, texts, documents, packaging. */
const READ = ['src', 'native', 'docs', 'packaging', 'deploy', 'scripts', 'bench', 'README.md', 'SECURITY.md']

/** Phrasings that are not idiomatic English, and what to write instead. */
const BANNED: readonly (readonly [RegExp, string])[] = [
  [/\bmend(s|ed|ing)?\b/i, 'fix'],
  [/\bwhoever\b/i, 'anyone who, or name the one who is meant'],
  [/\b(come|comes|coming|came) about\b/i, 'happens, connects, works'],
  [/\bturn(s|ed|ing)? (down|away)\b/i, 'reject'],
  [
    /(?<!(there|here|which|what) )\b(is|are|was|were) no (?!longer|more|less|use\b|way\b|way$|one\b)[a-z]+/,
    'is not a',
  ],
  [/(^|[.;:] |\* )Who (asks|wants|has no|may not|forges|removes|owns)\b/, 'a client that, anyone who'],
  [/\bhow to be had\b|\bcannot be had\b/, 'is not possible, is not available'],
  [/\blooked whether\b/, 'checked whether'],
]
/** Sentences that a rule hits by accident. */
const FINE = [/come and go by reload/]

t.test('texts, comments and documents keep to plain, idiomatic English', async t => {
  const all = READ.flatMap(name => {
    if (!statSync(join(ROOT, name)).isDirectory()) return [name]
    return readdirSync(join(ROOT, name), { recursive: true, encoding: 'utf8' }).map(path => join(name, path))
  })
  const files = all.filter(path => /\.(ts|json|md|mjs|c|h|css|html|yml|service|socket)$/.test(path))
  t.ok(files.length > 400)
  const found: string[] = []
  for (const path of files) {
    if (/\.de\.(json|md)$/.test(path) || path.includes('glossary-de')) continue
    for (const [i, line] of readFileSync(join(ROOT, path), 'utf8').split('\n').entries()) {
      if (FINE.some(fine => fine.test(line))) continue
      const rule = BANNED.find(([phrase]) => phrase.test(line))
      if (rule) found.push(`${path}:${i + 1}: ${rule[0].exec(line)![0]} → ${rule[1]}`)
    }
  }
  t.same(found, [])
})
