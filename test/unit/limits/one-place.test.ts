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
  t.same(elsewhere(/\bof this\.#\w+\.keys\(\)\) \{\s+this\.#\w+\.delete/, []), [])
  t.same(elsewhere(/\.length > (MOST|MAX)\w*\) \w+(\.#?\w+)*\.shift\(\)/, []), [])
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

t.test('one place pads, one knows the codes of families, and one the header of STUN (C-08)', async t => {
  t.same(elsewhere(/\+ 3\) & ~3|& -4\b/, ['wire/header.ts']), [])
  t.same(elsewhere(/amily === [46] \? [12] : [12]/, ['wire/address-shapes.ts']), [])
  t.same(
    elsewhere(/0x2112|\b0x21, 0x12\b|^const \w*HEADER\w* = 20$/im, ['wire/header.ts', 'load/payload.ts']),
    [],
  )
  t.same(elsewhere(/\b0x001[67]\b/, ['wire/header.ts', 'wire/attributes.ts']), [])
})
