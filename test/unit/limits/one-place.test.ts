import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const SRC = join(import.meta.dirname, '../../../src')
const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter(path => path.endsWith('.ts') && !path.startsWith('console/'))
  .map(path => ({ path, text: readFileSync(join(SRC, path), 'utf8') }))

/** Files that have a pattern, besides those in which it belongs. */
function elsewhere(pattern: RegExp, where: readonly string[]): string[] {
  return sources.filter(({ path, text }) => pattern.test(text) && !where.includes(path)).map(one => one.path)
}

t.test('there are two rate limits: cells that owe, and windows that begin and end (C-08)', async t => {
  // A debt or a level that time changes: `Math.min(most, level + passed * rate)`, `Math.max(paidOff, now) + cost`.
  t.same(elsewhere(/Math\.max\([^()]*\bnow\b[^()]*\) \+ |Math\.min\([^()]*\bearned\b/, []), [])
  t.same(elsewhere(/\* rate\) \/ 1000\) \| 0/, ['limits/gcra.ts']), [])
  t.same(elsewhere(/now - \w+\.since\b/, []), [])
})

t.test('there is one map that forgets the oldest (C-08)', async t => {
  t.same(elsewhere(/\.keys\(\)\.next\(\)/, ['limits/bounded-map.ts']), [])
  // The answers that a book remembers are part of its snapshot.
  t.same(elsewhere(/const oldest of this\.#\w+\.keys\(\)/, ['core/book.ts']), [])
})

t.test('one place knows which prefix is a customer (C-08)', async t => {
  t.same(elsewhere(/\bip(Key)?\b[^\n]*\.subarray\(0, [678]\)/, ['limits/customer.ts']), [])
})

t.test(
  'one place knows the hash that nobody can aim at, and one how owners are told apart (C-08, S-28)',
  async t => {
    t.same(elsewhere(/0x7feb352d/, ['base/multiply-shift.ts']), [])
    t.same(elsewhere(/Math\.imul\(s(eed|ecret)\[/, ['base/multiply-shift.ts']), [])
    t.same(elsewhere(/\$\{\w*(owner)\.tenant\}[ \\]/i, ['core/event.ts']), [])
  },
)
