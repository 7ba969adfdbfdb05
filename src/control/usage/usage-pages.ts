import { z } from 'zod'
import { failed, type Result, succeeded } from '../../base/result.ts'
import type { Owner } from '../../core/event.ts'
import { BoundedMap } from '../../limits/bounded-map.ts'
import { CountingWindow } from '../../limits/fixed-window.ts'
import type { Sealed } from '../sign-in/sealed.ts'
import type { OwnUsage } from '../view.ts'
import { type MonthsCosts, ownShare, shareOf } from './shares.ts'
import type { UsageControl } from './usage-control.ts'

/** Seconds that a link is good for that somebody has asked for themselves. */
export const OWN_PAGE_LIFE = 3600
/** Looks of one person in a minute, changes of the limit in an hour, and people who are counted at a time. */
const LOOKS = 30
const CHANGES = 20
const MINUTE = 60_000
const HOUR = 3_600_000
const MOST_PEOPLE = 10_000
/** Milliseconds that figures are shown again, people whose figures are kept, and questions that wait at a time. */
const FRESH = 60_000
const MOST_KEPT = 1000
const MOST_WAITING = 8
/** Members that a group has at least whose payer is told its sum: of two, it would be what the other one has used. */
const LEAST_OF_GROUP = 3
const GB = 1e9
/** Users that one question to the ledger names at most. */
const MOST_USERS = 1000

/** What people may use, as the page shows and changes it. */
export interface OwnBudgets {
  /** What somebody has set for themselves, in bytes a month. */
  ownOf(owner: Owner): number | undefined
  setOwn(owner: Owner, month: number | undefined): Result<void, 'too-high' | 'full'>
  /** What the operator allows each user. */
  perUser(): { readonly month: number; readonly atEnd: OwnUsage['atEnd'] } | undefined
  /** Groups that somebody pays for. */
  paidBy(owner: Owner): readonly {
    readonly group: {
      readonly name: string
      readonly month: number
      readonly users: readonly string[]
      readonly homeserver?: string | undefined
    }
    readonly used: { readonly month: number }
  }[]
  /** Limits of a user at all homeservers. */
  limitsOf(user: string): Iterable<{ readonly homeserver: string; readonly month: number }>
  forget(user: string): void
  /** Forgets everybody's. */
  clear(): void
}

export interface UsagePagesParts {
  /** Seals the tokens of links, whose end is by the calendar. */
  readonly sealed: Sealed
  readonly ledger: Pick<UsageControl, 'identitiesOf' | 'soFar'>
  readonly budgets: OwnBudgets
  /** What the month of a moment has cost so far, in seconds since the epoch; undefined where nobody knows. */
  readonly costs: (now: number) => Promise<MonthsCosts | undefined>
  /** Names of the homeservers that there are. */
  homeservers(): readonly string[]
  /** Milliseconds of a clock that nobody sets; `date`: the same by the calendar. */
  readonly now: () => number
  readonly date: () => number
}

/** Who a token is for. The purpose keeps apart what else the key may come to seal. */
const grantShape = z.strictObject({
  for: z.literal('usage'),
  tenant: z.string(),
  user: z.string().min(1),
  expires: z.number(),
})
export type Grant = z.output<typeof grantShape>

type Figures = Pick<OwnUsage, 'read' | 'month' | 'days' | 'bytes' | 'sessions' | 'milliseconds' | 'share'> & {
  /** Shares of groups, by their names. */
  readonly groupShares: ReadonlyMap<string, ReturnType<typeof shareOf>>
}

/**
 * Pages on which people see what they themselves have used, and set themselves a
 * limit. Whose page it is stands in the token of its link, sealed, so that nothing is kept for it and nobody can
 * make or change one; what is asked of the ledger is bounded for each person and in all.
 */
export class UsagePages {
  readonly budgets: OwnBudgets
  readonly #parts: UsagePagesParts
  readonly #looks = new CountingWindow<string>(LOOKS, MINUTE, MOST_PEOPLE)
  readonly #changes = new CountingWindow<string>(CHANGES, HOUR, MOST_PEOPLE)
  readonly #kept = new BoundedMap<string, Promise<Figures>>(MOST_KEPT)
  #waiting = 0

  constructor(parts: UsagePagesParts) {
    this.#parts = parts
    this.budgets = parts.budgets
  }

  /** The homeserver that a name is of, where none is said; undefined where that cannot be told. */
  homeserverOf(user: string, said: string | undefined): string | undefined {
    const known = this.#parts.homeservers()
    if (said !== undefined) return said === '' || known.includes(said) ? said : undefined
    const named = user.slice(user.indexOf(':') + 1)
    if (known.includes(named)) return named
    return known.length > 1 ? undefined : (known[0] ?? '')
  }

  /** A token for a page that is good for so many seconds. */
  link({ tenant, user }: Owner, seconds: number): { readonly token: string; readonly expires: number } {
    const expires = Math.round(this.#parts.date() + seconds * 1000)
    const grant: Grant = { for: 'usage', tenant, user, expires }
    return { token: this.#parts.sealed.seal(grant, seconds), expires }
  }

  /** Whose page a token opens; undefined where it is not ours, or has ended. */
  open(token: string): Grant | undefined {
    const grant = grantShape.safeParse(this.#parts.sealed.open(token))
    return grant.success ? grant.data : undefined
  }

  /** What somebody has used this month. The error says why it is not told now. */
  async look(grant: Grant): Promise<Result<OwnUsage, 'too-many' | 'away'>> {
    if (!this.#looks.pass(keyOf(grant), this.#parts.now())) return failed('too-many')
    const figures = await this.#figures(grant)
    return figures ? succeeded(this.#view(grant, figures)) : failed('away')
  }

  /** Sets somebody's own limit, in bytes a month, or lifts it. */
  limit(grant: Grant, month: number | undefined): Result<void, 'too-many' | 'too-high' | 'full'> {
    if (!this.#changes.pass(keyOf(grant), this.#parts.now())) return failed('too-many')
    return this.budgets.setOwn(grant, month)
  }

  #view(grant: Grant, { groupShares, ...figures }: Figures): OwnUsage {
    const { budgets } = this
    const { month: allowed, atEnd = 'slow' } = budgets.perUser() ?? {}
    const own = budgets.ownOf(grant)
    const groups = this.#groupsOf(grant)
    return {
      user: grant.user,
      expires: grant.expires,
      ...figures,
      ...(own !== undefined && { own }),
      ...(allowed !== undefined && Number.isFinite(allowed) && { allowed }),
      atEnd,
      groups: groups.map(({ group: { name, month }, used }) => ({
        name,
        bytes: Math.round(used.month / GB) * GB,
        ...(Number.isFinite(month) && { limit: month }),
        ...groupShares.get(name),
      })),
    }
  }

  /** Groups whose sum a payer may be told. */
  #groupsOf(grant: Grant): ReturnType<OwnBudgets['paidBy']> {
    return this.budgets.paidBy(grant).filter(({ group }) => new Set(group.users).size >= LEAST_OF_GROUP)
  }

  async #figures(grant: Grant): Promise<Figures | undefined> {
    const { now } = this.#parts
    const key = keyOf(grant)
    const kept = this.#kept.get(key, now())
    if (!kept && this.#waiting >= MOST_WAITING) return undefined
    const asked = kept ?? this.#ask(grant)
    if (!kept) this.#kept.set(key, asked, now() + FRESH)
    return asked.catch(() => {
      // What could not be told is asked for again.
      this.#kept.delete(key)
      return undefined
    })
  }

  async #ask(grant: Grant): Promise<Figures> {
    const { ledger, date, costs: costsOf } = this.#parts
    const read = date()
    const [from, to] = monthOf(read)
    this.#waiting++
    try {
      const users = ledger.identitiesOf(grant.user)
      const asked = { by: 'day', from, to, per: [], users, homeserver: grant.tenant, most: 31 } as const
      const rows = [...(await ledger.soFar(asked)).rows]
      const days = rows.map(row => ({ start: row.start, bytes: bytesOf(row) }))
      // Without figures of costs, the others are told all the same.
      const costs = await costsOf(Math.floor(read / 1000)).catch(() => undefined)
      const share = ownShare(days, costs)
      return {
        read,
        month: from,
        days,
        bytes: sum(days.map(day => day.bytes)),
        sessions: sum(rows.map(({ allocations }) => allocations)),
        milliseconds: sum(rows.map(({ milliseconds }) => milliseconds)),
        ...(share && { share }),
        groupShares: await this.#groupShares(grant, from, costs),
      }
    } finally {
      this.#waiting--
    }
  }

  /** What each group that somebody pays for has used by then, in whole gigabytes, comes to of the costs. */
  async #groupShares(
    grant: Grant,
    from: number,
    costs: MonthsCosts | undefined,
  ): Promise<Figures['groupShares']> {
    const shares = new Map<string, ReturnType<typeof shareOf>>()
    if (!costs || costs.octets === 0) return shares
    for (const { group } of this.#groupsOf(grant)) {
      const bytes = await this.#groupsUse(group, from, costs.until)
      shares.set(group.name, shareOf(Math.round(bytes / GB) * GB, costs))
    }
    return shares
  }

  async #groupsUse(
    { users, homeserver }: ReturnType<OwnBudgets['paidBy']>[number]['group'],
    from: number,
    to: number,
  ): Promise<number> {
    const { ledger } = this.#parts
    const all = [...new Set(users.flatMap(user => ledger.identitiesOf(user)))]
    const where = homeserver === undefined ? {} : { homeserver }
    let bytes = 0
    for (let i = 0; i < all.length; i += MOST_USERS) {
      const some = all.slice(i, i + MOST_USERS)
      const found = await ledger.soFar({ by: 'all', from, to, per: [], users: some, ...where, most: 1 })
      bytes += sum([...found.rows].map(bytesOf))
    }
    return bytes
  }
}

function bytesOf(row: { readonly bytesToPeer: number; readonly bytesToClient: number }): number {
  return row.bytesToPeer + row.bytesToClient
}

function sum(values: readonly number[]): number {
  return values.reduce((all, one) => all + one, 0)
}

/** Begin and end of the month that a date is in, in seconds since the epoch. */
function monthOf(milliseconds: number): [from: number, to: number] {
  const date = new Date(milliseconds)
  const start = (later: number) => Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + later) / 1000
  return [start(0), start(1)]
}

/** No name of a homeserver holds a NUL. */
function keyOf({ tenant, user }: Owner): string {
  return `${tenant}\0${user}`
}
