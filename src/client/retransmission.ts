import type { Time } from '../base/time.ts'

/** Milliseconds before the first retransmission; doubles each time (RFC 8489 §6.2.1). */
export const INITIAL_RTO = 500
/** Times a request is sent in all (Rc). */
const SENDINGS = 7
/** Initial timeouts to wait after the last sending (Rm). */
const LAST_WAIT = 16
/** Milliseconds until a request over a stream has failed (Ti, §6.2.2). */
const STREAM_TIMEOUT = 39_500

/** When to send one request again, and when to give it up. */
export class Retransmission {
  readonly #rto: number
  #interval: number
  #sent = 1
  #due: Time

  constructor(now: Time, reliable: boolean, rto = INITIAL_RTO) {
    this.#rto = rto
    this.#interval = rto
    if (reliable) this.#sent = SENDINGS
    this.#due = (now + (reliable ? STREAM_TIMEOUT : rto)) as Time
  }

  /** The moment at which `next` has something to say. */
  get due(): Time {
    return this.#due
  }

  /** Says what the moment `due` calls for, and sets the next one. */
  next(): 'resend' | 'timeout' {
    if (this.#sent >= SENDINGS) return 'timeout'
    this.#sent++
    this.#interval *= 2
    const wait = this.#sent === SENDINGS ? LAST_WAIT * this.#rto : this.#interval
    this.#due = (this.#due + wait) as Time
    return 'resend'
  }
}
