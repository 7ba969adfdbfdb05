import type { Settings } from '../../config/settings.ts'
import type { MonthsCosts } from '../../control/usage/shares.ts'
import type { UsageLedger } from '../../ledger/ledger.ts'
import type { UsedTogether } from '../../ledger/store/together.ts'
import { dayOf, monthOf } from '../../ledger/usage.ts'
import { roundedOctets } from '../../report/disclosure.ts'
import { moneySoFar } from '../../report/money.ts'

/** Seconds after midnight in which what was used before it arrives in the ledger, from other relays too. */
const ARRIVING = 900
/** Seconds after which the ledger is asked again where it did not answer. */
const AGAIN = 60

/**
 * What a month has cost so far. The ledger is asked once a day what everybody has used, and what it says is told until
 * there is a later day to tell: what comes into the ledger late changes no sum that was told.
 */
export class MonthlyCosts {
  readonly #settings: { readonly current: Pick<Settings, 'costs'> }
  readonly #ledger: Pick<UsageLedger, 'together'>
  #told: UsedTogether & { readonly month: number } = { month: 0, until: 0, octets: 0 }
  /** The question that was asked last: up to which day, and when it may be asked again. */
  #asked = { day: 0, again: 0, answer: Promise.resolve() }

  constructor(
    settings: { readonly current: Pick<Settings, 'costs'> },
    ledger: Pick<UsageLedger, 'together'>,
  ) {
    this.#settings = settings
    this.#ledger = ledger
  }

  /** `now` is in seconds since the epoch. Returns undefined without a file of costs. */
  async of(now: number): Promise<MonthsCosts | undefined> {
    const { costs } = this.#settings.current
    if (!costs) return undefined
    const month = monthOf(now)
    await this.#ask(month, Math.max(month, dayOf(now - ARRIVING)), now)
    const { until, octets } = this.#told.month === month ? this.#told : { until: month, octets: 0 }
    const shown = roundedOctets(octets)
    const { currency, cost, energy } = moneySoFar(costs, {
      month: new Date(month * 1000).toISOString().slice(0, 7),
      octets: shown,
      hours: (until - month) / 3600,
    })
    return {
      until,
      octets: shown,
      currency,
      cost,
      kwh: energy?.kwh,
      by: [...(energy?.by ?? [])],
      ...(energy?.supplier !== undefined && { supplier: energy.supplier }),
    }
  }

  async #ask(month: number, day: number, now: number): Promise<void> {
    if (day === month) return
    if (this.#asked.day !== day || now >= this.#asked.again)
      this.#asked = { day, again: now + AGAIN, answer: this.#hear(month, day) }
    await this.#asked.answer
  }

  async #hear(month: number, day: number): Promise<void> {
    const found = await this.#ledger.together({ from: month, to: day })
    this.#asked.again = Number.POSITIVE_INFINITY
    if (this.#told.month !== month || found.until > this.#told.until) this.#told = { month, ...found }
  }
}
