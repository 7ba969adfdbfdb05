import { inSlices } from '../../system/slices.ts'
import type { BudgetLimits } from '../budgets/budget-plan.ts'
import { type BudgetHolder, holderKey } from '../budgets/budget-states.ts'
import type { Used } from '../budgets/budget-sums.ts'
import {
  type LeaseAsk,
  type LeaseKey,
  type LeaseRow,
  type LeasesAnswer,
  type LeasesAsked,
  leaseName,
} from './lease-terms.ts'
import { SharedBudget } from './shared-budget.ts'

/** Budgets in one statement. */
const MOST_ASKS = 5000
/** Users whose budgets are shared at a time, and of whom others have told us that little is left. */
const MOST_USERS = 100_000
/** Share of a budget that a user has used before other relays are told of it. */
const SMALL = 0.001
/** Seconds between two statements while there is nothing to tell. */
const LISTEN_EVERY = 4
/** Seconds without an answer after which the database is away. */
const AWAY = 10

export interface LeasesParts {
  readonly lease: (asked: LeasesAsked) => Promise<LeasesAnswer>
  readonly close: () => Promise<void>
  /** How the ledger calls a user, or a group. */
  readonly identify: (name: string) => string
  /** Seconds, by a clock that does not jump. */
  readonly clock: () => number
  /** A name for this run of this relay that no other has. */
  readonly fresh: () => string
  /** Is told once that the database does not answer, and once that it does again. */
  readonly away: (isAway: boolean, why: string) => void
}

interface Shared {
  readonly of: BudgetHolder
  readonly key: Omit<LeaseKey, 'span' | 'start'>
  limits: BudgetLimits
  day: SharedBudget
  month: SharedBudget
}

/**
 * What relays that share a ledger have used of each budget. A relay tells the
 * database what it has used, in one statement a second at most, and is leased what it may
 * use before it tells the next time: all together never more than 1 % of a budget, nor than is left.
 */
export class Leases {
  readonly #parts: LeasesParts
  #relay: string
  #isKnown = false
  #since = 0
  #spans = { day: 0, month: 0 }
  readonly #shared = new Map<string, Shared>()
  readonly #byName = new Map<string, Shared>()
  /** Of users of whom this relay knows nothing. */
  readonly #elsewhere = new Map<string, LeaseRow>()
  #users = 0
  /** Relays that run. */
  #relays = 1
  #answeredAt: number | undefined
  #askAt = 0
  #isAway = false
  #telling: Promise<void> | undefined

  constructor(parts: LeasesParts) {
    this.#parts = parts
    this.#relay = parts.fresh()
  }

  /** Another day or month is counted. */
  turn({ day, month }: { readonly day: number; readonly month: number }): void {
    const now = this.#parts.clock()
    const isMonth = month !== this.#spans.month
    if (!isMonth && day === this.#spans.day) return
    this.#spans = { day, month }
    this.#elsewhere.clear()
    // What others have used of it is asked for again, from the beginning.
    this.#since = 0
    if (isMonth) {
      this.#shared.clear()
      this.#byName.clear()
      this.#users = 0
    }
    for (const shared of this.#shared.values()) shared.day = new SharedBudget(day, now)
  }

  /** This relay has used more of a budget. `used` is what all have used according to the ledger. */
  grew(of: BudgetHolder, limits: BudgetLimits, used: Readonly<Used>, octets: number): void {
    const shared = this.#shared.get(holderKey(of)) ?? this.#meet(of, limits, used)
    if (!shared) return
    shared.limits = limits
    for (const span of SPANS) {
      shared[span].grew(octets)
      shared[span].atLeast(used[span], this.#parts.clock())
    }
  }

  /** What all have used of a budget, by the ledger and by what they have told since. */
  used(of: BudgetHolder, used: Readonly<Used>): Used {
    const shared = this.#shared.get(holderKey(of))
    const told = (span: 'day' | 'month') => (shared ? shared[span].used : (this.#rowOf(of, span)?.used ?? 0))
    return { day: Math.max(used.day, told('day')), month: Math.max(used.month, told('month')) }
  }

  /** The same, and while the database is away what the others may have used meanwhile. */
  assumed(of: BudgetHolder, used: Readonly<Used>): Used {
    const known = this.used(of, used)
    const shared = this.#isAway ? this.#shared.get(holderKey(of)) : undefined
    if (!shared) return known
    for (const span of SPANS) known[span] += shared[span].assumed(this.#relays - 1)
    return known
  }

  /** How many relays use it, as far as is known. */
  sharers(of: BudgetHolder): number {
    const shared = this.#shared.get(holderKey(of))
    return shared ? Math.max(shared.day.sharers, shared.month.sharers) : 1
  }

  /** Once a second: tells the database what there is to tell. `heard` is told of whom more is known since. */
  tick(heard: (holders: readonly BudgetHolder[]) => void): void {
    const now = this.#parts.clock()
    this.#answeredAt ??= now
    if (now - this.#answeredAt >= AWAY) this.#setAway(true, 'it does not answer')
    if (this.#telling) return
    this.#telling = this.#tell(now, heard).finally(() => {
      this.#telling = undefined
    })
  }

  /** Resolves when what the last tick has begun is done. */
  async idle(): Promise<void> {
    await this.#telling
  }

  /** What was not told is in the ledger soon, from where the others take it. */
  close(): Promise<void> {
    return this.#parts.close()
  }

  async #tell(now: number, heard: (holders: readonly BudgetHolder[]) => void): Promise<void> {
    const asks = this.#isAway && now < this.#askAt ? undefined : await this.#asks(now)
    if (!asks || (asks.size === 0 && now < this.#askAt)) return
    this.#askAt = now + LISTEN_EVERY
    const spans = this.#spans
    const asked = { relay: this.#relay, isKnown: this.#isKnown, since: this.#since, ...spans }
    try {
      const answer = await this.#parts.lease({ ...asked, asks: [...asks.values()] })
      if (spans === this.#spans) this.#since = answer.now
      const touched = await this.#take(asks, answer)
      if (touched.length > 0) heard(touched)
    } catch (error) {
      if (this.#parts.clock() - this.#answeredAt! >= AWAY) this.#setAway(true, (error as Error).message)
    }
  }

  /** What there is to tell, by the name of the budget. */
  async #asks(now: number): Promise<Map<string, LeaseAsk>> {
    const asks = new Map<string, LeaseAsk>()
    await inSlices(this.#shared.values(), shared => {
      for (const span of SPANS) {
        const limit = shared.limits[span]
        if (!Number.isFinite(limit) || asks.size >= MOST_ASKS) continue
        const ask = shared[span].ask(limit, now)
        if (ask) asks.set(leaseName({ ...shared.key, span }), { ...shared.key, span, ...ask })
      }
    })
    return asks
  }

  async #take(asks: Map<string, LeaseAsk>, answer: LeasesAnswer): Promise<readonly BudgetHolder[]> {
    const now = this.#parts.clock()
    this.#answeredAt = now
    this.#setAway(false, '')
    this.#isKnown = answer.isKnown
    if (!answer.isKnown) {
      // It has forgotten this run, and keeps what it had told as that of one that has ended.
      this.#relay = this.#parts.fresh()
      for (const shared of this.#shared.values()) for (const span of SPANS) shared[span].renamed()
      this.#askAt = now
      return []
    }
    this.#relays = Math.max(1, answer.relays)
    const touched = new Set<BudgetHolder>()
    await inSlices(answer.rows, row => {
      if (row.start !== this.#spans[row.span]) return
      const name = leaseName(row)
      const shared = this.#byName.get(nameOf(row))
      if (!shared) {
        if (row.kind !== 'user' || this.#elsewhere.size < MOST_USERS) this.#elsewhere.set(name, row)
        return
      }
      const ask = asks.get(name)
      if (ask?.start === row.start) shared[row.span].answered(ask, row, now)
      else shared[row.span].heard(row)
      touched.add(shared.of)
    })
    return [...touched]
  }

  /** Begins to count what this relay uses, unless it is a user who has used next to nothing. */
  #meet(of: BudgetHolder, limits: BudgetLimits, used: Readonly<Used>): Shared | undefined {
    if (of.kind === 'user') {
      const isSmall = SPANS.every(span => used[span] < limits[span] * SMALL)
      if (isSmall || this.#users >= MOST_USERS) return undefined
    }
    const now = this.#parts.clock()
    const { day, month } = this.#spans
    const key = this.#keyOf(of)
    if (!key) return undefined
    if (of.kind === 'user') this.#users++
    const shared = { of, key, limits, day: new SharedBudget(day, now), month: new SharedBudget(month, now) }
    for (const span of SPANS) {
      const row = this.#elsewhere.get(leaseName({ ...key, span }))
      if (row) shared[span].heard(row)
    }
    this.#shared.set(holderKey(of), shared)
    this.#byName.set(nameOf(key), shared)
    return shared
  }

  #rowOf(of: BudgetHolder, span: 'day' | 'month'): LeaseRow | undefined {
    const key = this.#elsewhere.size === 0 ? undefined : this.#keyOf(of)
    return key && this.#elsewhere.get(leaseName({ ...key, span }))
  }

  /** Undefined where the ledger names nobody since it has no key: all users would be one. */
  #keyOf(of: BudgetHolder): Omit<LeaseKey, 'span' | 'start'> | undefined {
    if (of.kind === 'everybody') return { kind: of.kind, homeserver: '', identity: '' }
    if (of.kind === 'homeserver') return { kind: of.kind, homeserver: of.name, identity: '' }
    const name = of.kind === 'user' ? of.user : of.name
    const identity = name === '' ? '' : this.#parts.identify(name)
    if (identity === '' && name !== '') return undefined
    return { kind: of.kind, homeserver: of.kind === 'user' ? of.tenant : '', identity }
  }

  #setAway(isAway: boolean, why: string): void {
    if (this.#isAway === isAway) return
    this.#isAway = isAway
    this.#parts.away(isAway, why)
  }
}

const SPANS = ['day', 'month'] as const

function nameOf({ kind, homeserver, identity }: Omit<LeaseKey, 'span' | 'start'>): string {
  return `${kind}\0${homeserver}\0${identity}`
}
