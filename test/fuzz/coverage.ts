/** Entries of the map, as AFL has them; a power of two. */
export const EDGES = 1 << 17
/** How often each edge was taken in this execution. */
export const hits = new Uint32Array(EDGES)
const touched = new Uint32Array(EDGES)
let count = 0
let previous = 0
let places = 0

/**
 * Notes that the place `id` was reached from the place before it. Instrumented
 * sources call this at each statement, branch and function; the pair is the edge.
 */
export function hit(id: number): void {
  const edge = (id ^ previous) & (EDGES - 1)
  previous = id >> 1
  places++
  const before = hits[edge]!
  if (before === 0) touched[count++] = edge
  hits[edge] = before + 1
}

/**
 * The places passed since `reset`: what an input costs, counted, and so the same
 * on every machine and however busy it is. What the instrumented sources call
 * (hashes, maps, copies) counts as one place however long it takes.
 */
export function work(): number {
  return places
}

/**
 * Notes an amount of something (work, memory) as if each quarter of a power of
 * two were a place: an input that costs more than all before it is news.
 */
export function amount(what: string, value: number): void {
  if (value <= 0) return
  const edge = (hashOf(what) + Math.floor(4 * Math.log2(value)) * 0x9e37) & (EDGES - 1)
  if (hits[edge] === 0) touched[count++] = edge
  hits[edge] = 1
}

/** Forgets what was reached. */
export function reset(): void {
  for (let i = 0; i < count; i++) hits[touched[i]!] = 0
  count = 0
  previous = 0
  places = 0
}

/** The edges taken since `reset`; a view, valid until then. */
export function edges(): Uint32Array {
  return touched.subarray(0, count)
}

/**
 * One bit for how often: 1, 2, 3, 4–7, 8–15, 16–31, 32–127, 128–511, and so on by fours. A loop that turns once more is
 * not news; one that turns four times as often is, so that the search climbs towards what is dear.
 */
export function bucket(times: number): number {
  if (times < 4) return times === 3 ? 4 : times
  if (times < 8) return 8
  if (times < 16) return 16
  if (times < 32) return 32
  return Math.min(0x8000, 64 << ((Math.floor(Math.log2(times)) - 5) >> 1))
}

function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}
