/** Entries of the map, as AFL has them; a power of two. */
export const EDGES = 1 << 17
/** How often each edge was taken in this execution; stays at 255. */
export const hits = new Uint8Array(EDGES)
const touched = new Uint32Array(EDGES)
let count = 0
let previous = 0

/**
 * Notes that the place `id` was reached from the place before it. Instrumented
 * sources call this at each statement, branch and function; the pair is the edge.
 */
export function hit(id: number): void {
  const edge = (id ^ previous) & (EDGES - 1)
  previous = id >> 1
  const before = hits[edge]!
  if (before === 0) touched[count++] = edge
  if (before < 255) hits[edge] = before + 1
}

/** Forgets what was reached. */
export function reset(): void {
  for (let i = 0; i < count; i++) hits[touched[i]!] = 0
  count = 0
  previous = 0
}

/** The edges taken since `reset`; a view, valid until then. */
export function edges(): Uint32Array {
  return touched.subarray(0, count)
}

/** One bit for how often: 1, 2, 3, 4–7, 8–15, 16–31, 32–127, more. A loop that turns once more is not news. */
export function bucket(times: number): number {
  if (times < 4) return times === 3 ? 4 : times
  if (times < 8) return 8
  if (times < 16) return 16
  if (times < 32) return 32
  return times < 128 ? 64 : 128
}
