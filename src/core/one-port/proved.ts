import type { Seconds } from '../../base/time.ts'

/**
 * Seconds that a peer which has answered is its client's alone. An ICE agent that has had no answer for as long stops
 * sending (RFC 7675 §5.1), so nothing is under way any more that was meant for a client that has gone.
 */
export const PROVED = 30 as Seconds
