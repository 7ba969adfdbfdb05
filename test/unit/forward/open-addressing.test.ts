import fc from 'fast-check'
import t from 'tap'
import {
  emptyEntry,
  emptyTable,
  HASH,
  home,
  releaseEntry,
  VALUE,
  withRoom,
} from '../../../src/forward/open-addressing.ts'

const SHIFT = 2

/** A hash whose home in a table of 64 entries is this one. */
const hashFor = (entry: number) => (entry << 26) | 0x155

t.test('the home of a hash is in its high bits', async t => {
  const entries = emptyTable(SHIFT)

  t.equal(home(entries, SHIFT, hashFor(0)), 0)
  t.equal(home(entries, SHIFT, hashFor(1)), 4)
  t.equal(home(entries, SHIFT, hashFor(63)), 63 * 4)
  t.equal(home(emptyTable(3), 3, hashFor(63)), 63 * 8)
})

t.test('a table is never more than half full', async t => {
  const entries = emptyTable(SHIFT)

  t.equal(withRoom(entries, SHIFT, 31), entries)
  t.equal(withRoom(entries, SHIFT, 32).length, entries.length * 2)
})

t.test('around the end of the array, what is in the table is found and nothing else', async t => {
  const hash = fc.constantFrom(60, 61, 62, 63, 0, 1, 2).map(hashFor)
  const steps = fc.array(fc.record({ value: fc.integer({ min: 1, max: 20 }), hash }), { maxLength: 120 })
  fc.assert(
    fc.property(steps, list => {
      const entries = emptyTable(SHIFT)
      const model = new Map<number, number>()
      // A value that is there leaves, one that is not enters: each comes with the hash it has first.
      for (const { value, hash } of list) {
        const known = model.get(value)
        if (known === undefined) {
          const entry = emptyEntry(entries, SHIFT, hash)
          entries[entry + VALUE] = value
          entries[entry + HASH] = hash
          model.set(value, hash)
        } else {
          releaseEntry(entries, SHIFT, find(entries, value, known)!)
          model.delete(value)
        }
      }
      const used = entries.filter((word, i) => i % 4 === VALUE && word !== 0).length
      return (
        used === model.size && [...model].every(([value, hash]) => find(entries, value, hash) !== undefined)
      )
    }),
    { numRuns: 500 },
  )
  t.pass()
})

t.test('a table that grows keeps what is in it', async t => {
  let entries = emptyTable(SHIFT)
  const hashOf = (value: number) => Math.imul(value, 0x9e3779b1)
  for (let value = 1; value <= 1000; value++) {
    entries = withRoom(entries, SHIFT, value - 1)
    const entry = emptyEntry(entries, SHIFT, hashOf(value))
    entries[entry + VALUE] = value
    entries[entry + HASH] = hashOf(value)
  }

  t.equal(entries.length, 2048 * 4)
  for (let value = 1; value <= 1000; value++) {
    if (find(entries, value, hashOf(value)) === undefined) t.fail(`${value} is lost`)
  }
})

/** Walks as the tables do; undefined where the walk ends at an empty entry. */
function find(entries: Int32Array, value: number, hash: number): number | undefined {
  let entry = home(entries, SHIFT, hash)
  while (entries[entry] !== 0) {
    if (entries[entry + VALUE] === value) return entry
    entry = (entry + 4) & (entries.length - 1)
  }
  return undefined
}
