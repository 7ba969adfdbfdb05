import type { TestMeasured } from '../control/view.ts'

/** What a call through the relay was like; described in `control/tests/test-shapes.ts`. */
export type Quality = NonNullable<TestMeasured['ways'][number]['quality']>

/** Sums up echoes: `trips` are in the order in which they were sent, undefined for those that never came back. */
export function qualityOf(trips: readonly (number | undefined)[], throughput: number): Quality {
  const back = trips.filter(trip => trip !== undefined)
  const sorted = back.toSorted((a, b) => a - b)
  const steps = back.slice(1).map((trip, i) => Math.abs(trip - back[i]!) / 2)
  return {
    sent: trips.length,
    lost: trips.length - back.length,
    // From browser to relay and back: half of what a message took through two relayed addresses.
    ...(sorted.length > 0 && { delay: sorted[sorted.length >> 1]! / 2 }),
    // How much the delay differs from one packet to the next, on average (RFC 3550 §6.4.1, unsmoothed).
    jitter: steps.length === 0 ? 0 : steps.reduce((sum, step) => sum + step, 0) / steps.length,
    throughput,
  }
}

/** A share of one. */
export function lossOf({ sent, lost }: Quality): number {
  return sent === 0 ? 1 : lost / sent
}
