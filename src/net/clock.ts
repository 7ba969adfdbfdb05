import { performance } from 'node:perf_hooks'
import type { Clock, Time } from '../base/time.ts'

/**
 * The machine's clock: epoch milliseconds as they were when the process
 * started, carried on by the monotonic clock. A wall clock that is set or
 * stepped afterwards changes nothing, so no lifetime jumps with it.
 */
export const monotonicClock: Clock = {
  now: () => (performance.timeOrigin + performance.now()) as Time,
}
