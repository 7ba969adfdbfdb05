import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'

const root = resolve(import.meta.dirname, '../..')
const sources = sourcesIn('src')
const scripts = sourcesIn('scripts')
/** What others import, who are not here. */
const PUBLISHED = ['src/client/', 'src/library/']

/** What only tests use so far, each with its reason. */
const ALLOWED: Readonly<Record<string, string>> = {
  'src/core/snapshot/envelope.ts withoutSecrets': 'for snapshots on a disk; its tests hold what a secret is',
}

interface Source {
  readonly path: string
  /** How often each word occurs. */
  readonly words: ReadonlyMap<string, number>
}

t.test('C-35: whatever is exported is used, and not by tests alone', async t => {
  const named = new Map<string, number>()
  for (const { words } of [...sources, ...scripts]) {
    for (const word of words.keys()) named.set(word, (named.get(word) ?? 0) + 1)
  }
  let exported = 0
  const dead: string[] = []
  for (const { path, words } of sources) {
    if (PUBLISHED.some(folder => path.startsWith(folder))) continue
    for (const name of exportsOf(readFileSync(join(root, path), 'utf8'))) {
      exported++
      if (named.get(name) === 1 && words.get(name) === 1) dead.push(`${path} ${name}`)
    }
  }
  t.same(
    dead.filter(name => !(name in ALLOWED)),
    [],
  )
  t.ok(exported > 1000, `${exported} exported names were looked at`)
})

function sourcesIn(folder: string): Source[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter(path => /\.(ts|mjs)$/.test(path))
    .map(path => ({
      path: `${folder}/${path}`,
      words: wordsOf(readFileSync(join(root, folder, path), 'utf8')),
    }))
}

function exportsOf(text: string): string[] {
  const declared = /^export (?:async )?(?:abstract )?(?:class|function\*?|const|let|interface|type) (\w+)/gm
  return [...text.matchAll(declared)].map(match => match[1]!)
}

function wordsOf(text: string): Map<string, number> {
  const words = new Map<string, number>()
  // A name in a comment is no use of it.
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
  for (const [word] of code.matchAll(/\w+/g)) words.set(word, (words.get(word) ?? 0) + 1)
  return words
}
