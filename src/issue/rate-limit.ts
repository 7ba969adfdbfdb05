import { randomFillSync } from 'node:crypto'
import type { Time } from '../base/time.ts'
import { CUSTOMERS_OF_NETWORK, SPAN_OCTETS } from '../limits/customer.ts'
import { type DebtKey, GcraTable } from '../limits/gcra-table.ts'

/** The table has 4 · 2^12 places for those who owe something. */
const ROW_BITS = 12
const MINUTE = 60_000
const CUSTOMER = 1
const NETWORK = 2

/** Counts requests of each customer: a minute's worth at once, then evenly. A network has four times as many. */
export class RateLimit {
  readonly #debts = new GcraTable(GcraTable.memory(octets => void randomFillSync(octets), ROW_BITS))
  #perMinute: number

  constructor(perMinute: number) {
    this.#perMinute = perMinute
  }

  configure(perMinute: number): void {
    this.#perMinute = perMinute
  }

  /** Seconds until this client may ask; 0 when it may now, which is then counted. */
  wait(ip: Uint8Array, now: Time): number {
    const family = ip.length === 4 ? 4 : 6
    const cost = MINUTE / this.#perMinute
    const customer = this.#debts.key(CUSTOMER, { ip, octets: SPAN_OCTETS.customer[family] })
    const network = this.#debts.key(NETWORK, { ip, octets: SPAN_OCTETS.network[family] })
    const wait = Math.max(
      this.#wait(customer, cost, now),
      this.#wait(network, cost / CUSTOMERS_OF_NETWORK, now),
    )
    if (wait > 0) return wait
    this.#debts.charge(customer, cost, now)
    this.#debts.charge(network, cost / CUSTOMERS_OF_NETWORK, now)
    return 0
  }

  #wait(key: DebtKey, cost: number, now: Time): number {
    return Math.max(0, this.#debts.owed(key, now) + cost - MINUTE) / 1000
  }
}
