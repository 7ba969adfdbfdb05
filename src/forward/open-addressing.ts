/**
 * The floor under the hash tables: entries of 2^`shift` words in one array
 * whose length is a power of two, with linear probing, at most half full.
 *
 * What a key is, is up to the table, which walks the entries itself: from
 * `home`, entry by entry, until one is empty. Functions over arrays and not a
 * class, because lookups are on the hot path.
 *
 * Hashes are those of `base/multiply-shift.ts`: any two keys have the same one
 * with a probability of 2^-17 at most.
 */

/** Word of an entry that holds its value; 0 in an empty entry. */
export const VALUE = 0
/** Word of an entry that holds the hash of its key. The key itself follows. */
export const HASH = 1

const FIRST_CAPACITY = 64

export function emptyTable(shift: number): Int32Array {
  return new Int32Array(FIRST_CAPACITY << shift)
}

/** The table itself if one more than `used` entries leave it half empty, else one of twice the size. */
export function withRoom(entries: Int32Array, shift: number, used: number): Int32Array {
  if ((used + 1) << (shift + 1) <= entries.length) return entries
  const wider = new Int32Array(entries.length * 2)
  for (let entry = 0; entry < entries.length; entry += 1 << shift) {
    if (entries[entry] === 0) continue
    wider.set(entries.subarray(entry, entry + (1 << shift)), emptyEntry(wider, shift, entries[entry + HASH]!))
  }
  return wider
}

/** The entry where the search for a key with this hash begins. */
export function home(entries: Int32Array, shift: number, hash: number): number {
  return (hash >>> (Math.clz32(entries.length - 1) + shift)) << shift
}

/** Where a new key with this hash goes. */
export function emptyEntry(entries: Int32Array, shift: number, hash: number): number {
  const wrap = entries.length - 1
  let entry = home(entries, shift, hash)
  while (entries[entry] !== 0) entry = (entry + (1 << shift)) & wrap
  return entry
}

/**
 * Takes an entry out and moves later ones back (Knuth 6.4, algorithm R), so
 * that no tombstones pile up in a table that lives for months.
 */
export function releaseEntry(entries: Int32Array, shift: number, entry: number): void {
  const size = 1 << shift
  const wrap = entries.length - 1
  let hole = entry
  for (let next = (hole + size) & wrap; entries[next] !== 0; next = (next + size) & wrap) {
    // An entry whose home lies behind the hole would not be found in front of it.
    const steps = (next - home(entries, shift, entries[next + HASH]!)) & wrap
    if (steps < ((next - hole) & wrap)) continue
    entries.copyWithin(hole, next, next + size)
    hole = next
  }
  entries.fill(0, hole, hole + size)
}
