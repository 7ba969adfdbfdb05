import { createHash } from 'node:crypto'
import { BoundedMap } from '../limits/bounded-map.ts'
import { customerKeyOf } from '../limits/customer.ts'
import { CountingWindow } from '../limits/fixed-window.ts'

const MINUTE = 60_000
const DAY = 86_400_000
/** Customers and good tokens that are remembered. */
const MOST = 1024
/** Rejected tokens logged per minute, over all callers, so that a flood does not fill the access log. */
const MOST_LINES = 60

/**
 * Slows down who guesses tokens. A customer has so many guesses in a minute;
 * beyond them none is tried, right or wrong. A token that was right for that
 * customer within a day is always looked up, so an operator at work is not
 * locked out by a neighbour, nor by others behind the same proxy.
 */
export class WrongTokens {
  readonly #now: () => number
  readonly #guesses: CountingWindow<number | string>
  readonly #lines = new CountingWindow<string>(MOST_LINES, MINUTE, 1)
  readonly #right = new BoundedMap<string, true>(MOST)

  /** `most` guesses a minute; `now` in milliseconds from a clock that is not set back. */
  constructor(most: number, now: () => number = () => performance.now()) {
    this.#guesses = new CountingWindow(most, MINUTE, MOST)
    this.#now = now
  }

  /** True if this token may be looked up. */
  mayTry(client: string, token: string): boolean {
    const now = this.#now()
    return !this.#guesses.isSpent(customerKeyOf(client), now) || this.#right.has(keyOf(client, token), now)
  }

  /** The token was right. */
  right(client: string, token: string): void {
    this.#right.set(keyOf(client, token), true, this.#now() + DAY)
  }

  /** Counts a token that was wrong or missing. False when that is one too many for this customer. */
  chargeWrong(client: string): boolean {
    return this.#guesses.pass(customerKeyOf(client), this.#now())
  }

  /** Takes the right to write a refusal down; false where too many were written this minute. */
  takeLine(): boolean {
    return this.#lines.pass('refused', this.#now())
  }
}

function keyOf(client: string, token: string): string {
  return createHash('sha256')
    .update(`${customerKeyOf(client)}\0${token}`)
    .digest('base64')
}
