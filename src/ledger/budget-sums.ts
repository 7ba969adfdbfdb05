import { type Owner, ownerKey } from '../core/event.ts'
import type { UsageSum } from './ledger-store.ts'
import { dayOf, monthOf } from './usage.ts'

/** Octets that were used on this day and in this month. */
export interface Used {
  day: number
  month: number
}

/** Somebody's use: what the ledger had when it was last asked, and what was counted since. */
export interface BudgetUser {
  readonly owner: Owner
  readonly used: Used
}

/** What the ledger says: sums of homeservers, and of users where they are told apart. */
export type LedgerSums = Readonly<Record<'day' | 'month', readonly UsageSum[]>>

const none = (): Used => ({ day: 0, month: 0 })
/** Beyond them nobody else's own use is known; sums of homeservers and of all are. */
const MOST_USERS = 100_000

/**
 * Who has used how much today and this month: live figures on top of what the
 * ledger had at the start. Everybody is known by name here, and in memory only.
 */
export class BudgetSums {
  readonly total: Used = none()
  readonly #tenants = new Map<string, Used>()
  readonly #users = new Map<string, BudgetUser>()
  /** By homeserver and name in the ledger: those of whom nobody has asked yet. */
  #known = new Map<string, Used>()
  /** What was used since the ledger was asked. */
  #since: BudgetSums | undefined
  readonly #identitiesOf: (user: string) => readonly string[]
  #day: number
  #month: number

  /** `identitiesOf`: all that a user has been called in the ledger; `now` is in seconds since the epoch. */
  constructor(identitiesOf: (user: string) => readonly string[], now: number) {
    this.#identitiesOf = identitiesOf
    this.#day = dayOf(now)
    this.#month = monthOf(now)
  }

  /** Starts of the day and the month that are counted. */
  get spans(): { readonly day: number; readonly month: number } {
    return { day: this.#day, month: this.#month }
  }

  /** Homeservers of which something is known. */
  get tenants(): Iterable<string> {
    return this.#tenants.keys()
  }

  /** Takes note of a homeserver. False where it is known already. */
  meet(tenant: string): boolean {
    if (this.#tenants.has(tenant)) return false
    this.tenant(tenant)
    return true
  }

  get users(): Iterable<BudgetUser> {
    return this.#users.values()
  }

  /** `isKnown`: the user's own use is counted, too. */
  add(owner: Owner, octets: number, isKnown: boolean): void {
    const all = [this.total, this.tenant(owner.tenant), ...(isKnown ? [this.user(owner).used] : [])]
    for (const used of all) {
      used.day += octets
      used.month += octets
    }
    this.#since?.add(owner, octets, isKnown)
  }

  tenant(name: string): Used {
    const found = this.#tenants.get(name)
    if (found) return found
    const used = none()
    this.#tenants.set(name, used)
    return used
  }

  user(owner: Owner): BudgetUser {
    const key = ownerKey(owner)
    const found = this.#users.get(key)
    if (found) return found
    const user = { owner, used: this.#inLedger(owner) }
    // All are forgotten with the month; until then there are only so many.
    if (this.#users.size < MOST_USERS) this.#users.set(key, user)
    return user
  }

  /** Begins with a new day or month where it is one, and says so. */
  turn(now: number): boolean {
    const [day, month] = [dayOf(now), monthOf(now)]
    if (day === this.#day) return false
    const isMonth = month !== this.#month
    this.#day = day
    this.#month = month
    const all = [this.total, ...this.#tenants.values(), ...this.#known.values()]
    for (const used of [...all, ...Array.from(this.#users.values(), ({ used }) => used)]) {
      used.day = 0
      if (isMonth) used.month = 0
    }
    if (isMonth) {
      this.#users.clear()
      this.#known.clear()
    }
    this.#since = undefined
    return true
  }

  /** From now on it is kept apart what comes on top of what the ledger is about to be asked. */
  ask(): void {
    this.#since = new BudgetSums(() => [], this.#day)
  }

  /** Takes what the ledger had at the moment of `ask`. False, and nothing taken, where that was another day. */
  take({ day, month }: LedgerSums): boolean {
    const since = this.#since
    this.#since = undefined
    if (!since) return false
    const tenants = new Map<string, Used>()
    const known = new Map<string, Used>()
    for (const [span, rows] of [
      ['day', day],
      ['month', month],
    ] as const) {
      for (const { homeserver = '', user, bytesToPeer, bytesToClient } of rows) {
        const octets = bytesToPeer + bytesToClient
        if (user === undefined) at(tenants, homeserver)[span] += octets
        else at(known, `${homeserver}\0${user}`)[span] += octets
      }
    }
    this.#known = known
    const all = [...tenants.values()]
    set(this.total, sum(all), since.total)
    for (const name of new Set([...tenants.keys(), ...this.#tenants.keys()]))
      set(this.tenant(name), tenants.get(name) ?? none(), since.tenant(name))
    for (const { owner, used } of this.#users.values())
      set(used, this.#inLedger(owner), since.user(owner).used)
    return true
  }

  #inLedger({ tenant, user }: Owner): Used {
    if (user === '' || this.#known.size === 0) return none()
    return sum(this.#identitiesOf(user).map(name => this.#known.get(`${tenant}\0${name}`) ?? none()))
  }
}

function at(map: Map<string, Used>, key: string): Used {
  const found = map.get(key)
  if (found) return found
  const used = none()
  map.set(key, used)
  return used
}

export function sum(all: readonly Used[]): Used {
  const total = none()
  for (const { day, month } of all) {
    total.day += day
    total.month += month
  }
  return total
}

function set(used: Used, inLedger: Used, since: Used): void {
  used.day = inLedger.day + since.day
  used.month = inLedger.month + since.month
}
