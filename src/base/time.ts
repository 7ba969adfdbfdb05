declare const unit: unique symbol
type Unit<U extends string> = number & { readonly [unit]: U }

/**
 * Milliseconds since the Unix epoch, read from a monotonic clock. Never goes
 * back. As a date it is as right as the machine's clock was at the start.
 */
export type Time = Unit<'time'>
/** Whole seconds, as STUN carries them. */
export type Seconds = Unit<'seconds'>

export interface Clock {
  now(): Time
}

/** Fills a buffer with unpredictable octets. The only way randomness enters the pure folders. */
export type Random = (into: Buffer) => void

/** The moment `seconds` after `from`. */
export function after(from: Time, seconds: number): Time {
  return (from + seconds * 1000) as Time
}
