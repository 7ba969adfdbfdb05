import { performance } from 'node:perf_hooks'
import { hrtime } from 'node:process'
import type { Clock, Time } from '../base/time.ts'

/**
 * The machine's clock: epoch milliseconds as they were when the process
 * started, carried on by the monotonic clock. A wall clock that is set or
 * stepped afterwards changes nothing, so no lifetime jumps with it. It may
 * be years wrong as a date, where the machine learnt the time later: `wallTime` is for dates.
 */
export const monotonicClock: Clock = {
  now: () => (performance.timeOrigin + performance.now() + lead) as Time,
}

/** What this process's clock was set forward by, in milliseconds, to go on with that of another. */
let lead = 0

/**
 * Goes on with the clock of the process before this one, so that what it has said
 * of times stays true. To be called before anything asks for the time.
 */
export function continueClock({ time, machine }: ClockReading): void {
  lead += time + Number(hrtime.bigint() - machine) / 1e6 - monotonicClock.now()
}

/**
 * What the machine's wall clock shows: right as soon as the machine knows the
 * time, whatever it believed when this process started. For what other
 * machines have dated, credentials above all; never for how long something lasts.
 */
export function wallTime(): Time {
  return Date.now() as Time
}

/** A moment by the clock of one thread, and by that of the machine. */
export interface ClockReading {
  readonly time: Time
  readonly machine: bigint
}

/** Reads this thread's clock, for the clocks of other threads to go by. */
export function readClock(): ClockReading {
  return { time: monotonicClock.now(), machine: hrtime.bigint() }
}

/**
 * A clock that agrees with the one that was read, in whichever thread. Each
 * thread looks at the wall clock when it starts, and between two starts that
 * may have been set.
 */
export function alignedClock({ time, machine }: ClockReading): Clock {
  const here = time + Number(hrtime.bigint() - machine) / 1e6
  const lead = here - monotonicClock.now()
  return { now: () => (monotonicClock.now() + lead) as Time }
}
