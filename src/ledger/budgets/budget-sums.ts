import { type Owner, ownerKey } from '../../core/event.ts'
import { inSlices } from '../../system/slices.ts'
import type { UsageSum } from '../store/ledger-store.ts'
import { dayOf, monthOf } from '../usage.ts'

/** Octets that were used on this day and in this month. */
export interface Used {
  day: number
  month: number
}

/** Somebody's use: what the ledger had when it was last asked, and what was counted since. */
export interface BudgetUser {
  readonly owner: Owner
  readonly used: Used
  /** Never makes room for others. */
  isNamed: boolean
}

/** What the ledger says: sums of homeservers, and of users where they are told apart. */
export type LedgerSums = Readonly<Record<'day' | 'month', Iterable<UsageSum>>>

const none = (): Used => ({ day: 0, month: 0 })
/** Users whose own use is known at a time; homeservers make names as they like. */
const MOST_USERS = 100_000
/** Names that are looked at when the table is full; the one that has used least makes room for the next. */
const LOOKED_AT = 8

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
  readonly #mostUsers: number
  #day: number
  #month: number

  /** `identitiesOf`: all that a user has been called in the ledger; `now` is in seconds since the epoch. */
  constructor(identitiesOf: (user: string) => readonly string[], now: number, mostUsers = MOST_USERS) {
    this.#identitiesOf = identitiesOf
    this.#mostUsers = mostUsers
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
    const user = { owner, used: this.#inLedger(owner), isNamed: false }
    this.#makeRoom()
    this.#users.set(key, user)
    return user
  }

  /** What somebody has used, of whom nothing need be kept for that. */
  usedBy(owner: Owner): Readonly<Used> {
    return this.#users.get(ownerKey(owner))?.used ?? this.#inLedger(owner)
  }

  /** The use of somebody whom the configuration names; it stays the same object until the month ends. */
  named(owner: Owner): Used {
    const user = this.user(owner)
    user.isNamed = true
    return user.used
  }

  /**
   * Forgets one of the users who have used least, if there are too many. A homeserver that
   * makes up names displaces those, not users who have used something.
   */
  #makeRoom(): void {
    if (this.#users.size < this.#mostUsers) return
    let least: readonly [string, BudgetUser] | undefined
    let left = LOOKED_AT
    for (const one of this.#users) {
      const [key, user] = one
      // Behind the others, so that all have their turn.
      this.#users.delete(key)
      this.#users.set(key, user)
      if (!user.isNamed && !(least && least[1].used.month <= user.used.month)) least = one
      if (--left === 0) break
    }
    if (least) this.#users.delete(least[0])
  }

  /** Begins with a new day or month where it is one, and says so. */
  turn(now: number): boolean {
    const [day, month] = [dayOf(now), monthOf(now)]
    if (day === this.#day) return false
    const isMonth = month !== this.#month
    this.#day = day
    this.#month = month
    if (isMonth) {
      this.#users.clear()
      this.#known.clear()
    }
    for (const used of [this.total, ...this.#tenants.values(), ...this.#known.values()]) {
      used.day = 0
      if (isMonth) used.month = 0
    }
    for (const { used } of this.#users.values()) used.day = 0
    this.#since = undefined
    return true
  }

  /** From now on it is kept apart what comes on top of what the ledger is about to be asked. */
  ask(): void {
    this.#since = new BudgetSums(() => [], this.#day, this.#mostUsers)
  }

  /**
   * Takes what the ledger had at the moment of `ask`, in slices. False, and not all of it taken, where
   * another day has begun since.
   */
  async take(sums: LedgerSums): Promise<boolean> {
    const since = this.#since
    const tenants = new Map<string, Used>()
    const known = new Map<string, Used>()
    for (const span of ['day', 'month'] as const) {
      await inSlices(sums[span], ({ homeserver = '', user, bytesToPeer, bytesToClient }) => {
        const octets = bytesToPeer + bytesToClient
        if (user === undefined) at(tenants, homeserver)[span] += octets
        else at(known, `${homeserver}\0${user}`)[span] += octets
      })
    }
    if (!since || this.#since !== since) return false
    this.#known = known
    set(this.total, sum([...tenants.values()]), since.total)
    for (const name of new Set([...tenants.keys(), ...this.#tenants.keys()]))
      set(this.tenant(name), tenants.get(name) ?? none(), since.tenant(name))
    // What is used meanwhile is in `since`, whether a user had a turn or not.
    await inSlices(this.#users.values(), ({ owner, used }) => {
      if (this.#since === since) set(used, this.#inLedger(owner), since.usedBy(owner))
    })
    if (this.#since !== since) return false
    this.#since = undefined
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
