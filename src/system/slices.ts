/** Milliseconds that one slice may take. What the relay does itself, and the collector, come on top. */
const SLICE = 0.5

/** After how many items the time is looked at. */
export interface ItemCost {
  readonly lookEvery: number
}
const CHEAP: ItemCost = { lookEvery: 16 }
/** For items of which one may take a tenth of a millisecond or more. */
export const DEAR: ItemCost = { lookEvery: 1 }

/** How slices take turns with everything else; replaced in tests. */
export interface SliceClock {
  /** Milliseconds of a clock that nobody sets. */
  now(): number
  /** Resolves when everything that waits has had its turn. */
  rest(): Promise<void>
}

const resting: (() => void)[] = []

/**
 * Resolves when everything that waits has had its turn. Of several who rest one goes on in each turn of the event
 * loop: were it all of them, a packet would wait for a slice of each.
 */
export function rest(): Promise<void> {
  return new Promise(resolve => {
    if (resting.push(resolve) === 1) setImmediate(goOn)
  })
}

function goOn(): void {
  // What it does follows at once, as a microtask.
  resting.shift()!()
  if (resting.length > 0) setImmediate(goOn)
}

/** Runs to its end, at once, what otherwise lets others have their turn: nobody else has any now. */
export function completed<T>(steps: Generator<undefined, T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

/** Takes a step in each turn of the event loop. */
export async function inTurns<T>(steps: Generator<undefined, T>): Promise<T> {
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
    await new Promise(resolve => setImmediate(resolve))
  }
}

const REAL: SliceClock = { now: () => performance.now(), rest }

/**
 * Works through many items in slices of about half a millisecond, between which the
 * event loop relays packets. Items that a live `Map` or `Set` gets or loses
 * meanwhile are taken or left as its iterator does.
 */
export async function inSlices<T>(
  items: Iterable<T>,
  work: (item: T) => void,
  { lookEvery }: ItemCost = CHEAP,
  clock: SliceClock = REAL,
): Promise<void> {
  let end = clock.now() + SLICE
  let count = 0
  for (const item of items) {
    work(item)
    if (++count % lookEvery !== 0 || clock.now() < end) continue
    await clock.rest()
    end = clock.now() + SLICE
  }
}

/** Says when a slice is over: to be awaited between steps of which each takes far less. */
export function pausing(clock: SliceClock = REAL): () => Promise<void> {
  let end = clock.now() + SLICE
  return async () => {
    if (clock.now() < end) return
    await clock.rest()
    end = clock.now() + SLICE
  }
}

/** Items that are sorted at once; that takes less than a slice. */
const RUN = 128

/** Sorts many items in slices: short runs first, which are then merged. Stable, as `Array.sort` is. */
export async function sortInSlices<T>(
  items: readonly T[],
  compare: (a: T, b: T) => number,
  clock: SliceClock = REAL,
): Promise<T[]> {
  let runs: T[][] = []
  for (let i = 0; i < items.length; i += RUN) runs.push(items.slice(i, i + RUN))
  for (const run of runs) {
    run.sort(compare)
    await clock.rest()
  }
  while (runs.length > 1) {
    const merged: T[][] = []
    for (let i = 0; i < runs.length; i += 2) {
      const run: T[] = []
      await inSlices(merge(runs[i]!, runs[i + 1] ?? [], compare), item => void run.push(item), CHEAP, clock)
      merged.push(run)
      await clock.rest()
    }
    runs = merged
  }
  return runs[0] ?? []
}

/** What two sorted runs are together, item by item. */
function* merge<T>(left: readonly T[], right: readonly T[], compare: (a: T, b: T) => number): Generator<T> {
  let at = 0
  for (const item of left) {
    while (at < right.length && compare(right[at]!, item) < 0) yield right[at++]!
    yield item
  }
  for (; at < right.length; at++) yield right[at]!
}
