import { isDeepStrictEqual } from 'node:util'
import type { AllocationId } from '../base/ids.ts'
import { NOBODY_SLOWED, type Slowed } from '../core/buckets.ts'
import { type Event, type Owner, ownerKey } from '../core/event.ts'
import {
  type Budget,
  type BudgetPlan,
  type GroupBudget,
  hasBudgets,
  isMember,
  needsUsers,
} from './budget-plan.ts'
import { type BudgetHolder, type BudgetState, isSoonSpent, stateOf } from './budget-states.ts'
import { BudgetSums, sum, type Used } from './budget-sums.ts'
import type { UsageAsked, UsageSums } from './ledger-store.ts'

/** Seconds between two looks, while no budget can be used up within seconds. */
const LOOK_EVERY = 4
/** Seconds after which the ledger is asked again that did not answer, and one that others write to, too. */
const ASK_AGAIN = 60
const ASK_SHARED = 300
/** Users whose use is taken from the ledger, those with most of it first. */
const MOST_ASKED = 5000

export interface BudgetsParts {
  readonly ledger: {
    count(): Promise<void>
    sumsNow(asked: readonly UsageAsked[], asking: () => void): Promise<readonly UsageSums[]>
    identitiesOf(user: string): readonly string[]
  }
  /** Seconds since the epoch by the machine's calendar. */
  readonly now: () => number
  /** Slows these users down, and nobody else any more. */
  readonly slow: (slowed: Slowed) => void
  /** Ends a live allocation. */
  readonly end: (allocation: AllocationId) => void
  /** Is told of a budget that has come to another level; `after` is undefined where there is enough again. */
  readonly told: (before: BudgetState | undefined, after: BudgetState | undefined) => void
  /** Whether other relays write to the same ledger. */
  readonly isShared: boolean
}

/**
 * Holds everybody to what they may use. Every few seconds the use of live calls
 * is counted; users who have used up a budget are slowed down, refused or ended,
 * by means that are there for other limits: token buckets, admission, `revoke`.
 * So no datagram and no request ever asks for a budget.
 */
export class Budgets {
  readonly #parts: BudgetsParts
  #plan: BudgetPlan
  #sums: BudgetSums
  #states: ReadonlyMap<string, BudgetState> = new Map()
  #slowed = NOBODY_SLOWED
  readonly #live = new Map<AllocationId, Owner>()
  /** Octets since the last look, by owner. */
  #grown = new Map<string, { readonly owner: Owner; octets: number }>()
  /** All is to be judged anew, and not only those who have used something. */
  #isStale = true
  #looking: Promise<void> | undefined
  #wait = 0
  #sinceLook = 0
  #asking: Promise<void> | undefined
  #askIn: number | undefined = 0

  constructor(plan: BudgetPlan, parts: BudgetsParts) {
    this.#plan = plan
    this.#parts = parts
    this.#sums = this.#freshSums()
  }

  /** Other budgets, under live calls. */
  configure(plan: BudgetPlan): void {
    const before = this.#plan
    if (isDeepStrictEqual(before, plan)) return
    this.#plan = plan
    this.#isStale = true
    if (!hasBudgets(before) || (needsUsers(plan) && !needsUsers(before))) {
      this.#sums = this.#freshSums()
      this.#askIn = 0
    }
    if (!hasBudgets(plan)) this.#judge()
  }

  hear(event: Event): void {
    if (event.kind === 'closed') this.#live.delete(event.allocation)
    if (event.kind !== 'opened') return
    this.#live.set(event.allocation, event.owner)
    // A group may have members there.
    if (this.#sums.meet(event.owner.tenant)) this.#isStale = true
    // One that was let in before its budget was used up, and opens after.
    if (this.#isOver(event.owner, ['end'])) this.#parts.end(event.allocation)
  }

  /** An owner has used some octets of payload. */
  grew(owner: Owner, octets: number): void {
    if (!hasBudgets(this.#plan)) return
    this.#sums.add(owner, octets, needsUsers(this.#plan))
    const key = ownerKey(owner)
    const grown = this.#grown.get(key)
    if (grown) grown.octets += octets
    else this.#grown.set(key, { owner, octets })
  }

  /** Whether no new session may begin. */
  isSpent(owner: Owner): boolean {
    return this.#isOver(owner, ['refuse', 'end'])
  }

  /** Those of which little or nothing is left. */
  get states(): Iterable<BudgetState> {
    return this.#states.values()
  }

  /** What was used of every budget but those of single users. */
  *figures(): Generator<{ readonly of: BudgetHolder; readonly budget: Budget; readonly used: Used }> {
    const { total, homeservers, groups } = this.#plan
    if (total) yield { of: { kind: 'everybody' }, budget: total, used: this.#sums.total }
    for (const budget of homeservers)
      yield { of: { kind: 'homeserver', name: budget.name }, budget, used: this.#sums.tenant(budget.name) }
    for (const group of groups)
      yield { of: { kind: 'group', name: group.name }, budget: group, used: sum(this.#members(group)) }
  }

  /** Once a second. */
  tick(): void {
    if (!hasBudgets(this.#plan)) return
    if (this.#sums.turn(this.#parts.now())) this.#isStale = true
    if (this.#askIn !== undefined && this.#askIn-- <= 0 && !this.#asking) {
      this.#asking = this.#ask().finally(() => {
        this.#asking = undefined
      })
    }
    this.#sinceLook++
    if (this.#looking || (--this.#wait > 0 && !this.#isStale)) return
    this.#looking = this.#parts.ledger.count().then(() => {
      this.#looking = undefined
      this.#judge()
    })
  }

  /** Resolves when what the last tick has begun is done. */
  async idle(): Promise<void> {
    await this.#asking
    await this.#looking
  }

  #freshSums(): BudgetSums {
    const { ledger, now } = this.#parts
    return new BudgetSums(user => ledger.identitiesOf(user), now())
  }

  /** Asks the ledger what was used of this day and month before this process began, and by other relays. */
  async #ask(): Promise<void> {
    const { ledger, isShared } = this.#parts
    const sums = this.#sums
    const per = needsUsers(this.#plan)
      ? ([['homeserver'], ['homeserver', 'user']] as const)
      : ([['homeserver']] as const)
    const asked = (['day', 'month'] as const).flatMap(span =>
      per.map(
        (per): UsageAsked => ({
          by: 'all',
          from: sums.spans[span],
          to: Number.MAX_SAFE_INTEGER,
          per,
          most: MOST_ASKED,
        }),
      ),
    )
    try {
      const answers = await ledger.sumsNow(asked, () => sums.ask())
      const half = answers.length / 2
      const rows = (answers: readonly UsageSums[]) => answers.flatMap(answer => [...answer.rows])
      const isTaken = sums.take({ day: rows(answers.slice(0, half)), month: rows(answers.slice(half)) })
      if (sums !== this.#sums) return
      this.#isStale = true
      this.#askIn = isTaken ? (isShared ? ASK_SHARED : undefined) : 0
    } catch {
      // The ledger itself complains of a database that is away.
      this.#askIn = ASK_AGAIN
    }
  }

  /** Judges those who have used something since the last time, or all, and does what follows. */
  #judge(): void {
    const grown = this.#grown
    this.#grown = new Map()
    const isAll = this.#isStale
    this.#isStale = false
    const seconds = Math.max(1, this.#sinceLook)
    this.#sinceLook = 0
    const before = this.#states
    const states = new Map(isAll ? [] : before)
    let isSoon = false
    const judge = (of: BudgetHolder, budget: Budget, used: Used, octets: number) => {
      const key = keyOf(of)
      const state = stateOf(of, budget, used)
      if (state) states.set(key, state)
      else states.delete(key)
      isSoon ||= isSoonSpent(budget, used, octets / seconds)
    }
    for (const { of, budget, used } of this.figures()) judge(of, budget, used, this.#grownOf(of, grown))
    const { perUser } = this.#plan
    if (perUser) {
      const owners = isAll
        ? Array.from(this.#sums.users, ({ owner }) => owner)
        : Array.from(grown.values(), ({ owner }) => owner)
      for (const owner of owners) {
        const octets = grown.get(ownerKey(owner))?.octets ?? 0
        judge({ kind: 'user', ...owner }, perUser, this.#sums.user(owner).used, octets)
      }
    }
    this.#wait = isSoon ? 1 : LOOK_EVERY
    this.#states = states
    this.#tell(before, states)
    this.#enforce()
  }

  #tell(before: ReadonlyMap<string, BudgetState>, after: ReadonlyMap<string, BudgetState>): void {
    for (const key of new Set([...before.keys(), ...after.keys()])) {
      const [old, now] = [before.get(key), after.get(key)]
      if (old?.level !== now?.level) this.#parts.told(old, now)
    }
  }

  #enforce(): void {
    const slowed = this.#slowedNow()
    if (!isDeepStrictEqual(slowed, this.#slowed)) {
      this.#slowed = slowed
      this.#parts.slow(slowed)
    }
    const ends = [...this.#states.values()].some(({ level, atEnd }) => level === 'spent' && atEnd === 'end')
    if (!ends) return
    for (const [allocation, owner] of this.#live)
      if (this.#isOver(owner, ['end'])) this.#parts.end(allocation)
  }

  #slowedNow(): Slowed {
    const rate = this.#plan.slowTo
    let all: number | undefined
    const tenants = new Map<string, { all?: number; users: Map<string, number> }>()
    const tenant = (name: string) => {
      const found = tenants.get(name) ?? { users: new Map<string, number>() }
      tenants.set(name, found)
      return found
    }
    for (const { of, level, atEnd } of this.#states.values()) {
      if (level !== 'spent' || atEnd !== 'slow') continue
      if (of.kind === 'everybody') all = rate
      if (of.kind === 'homeserver') tenant(of.name).all = rate
      if (of.kind === 'user') tenant(of.tenant).users.set(of.user, rate)
      if (of.kind !== 'group') continue
      const group = this.#plan.groups.find(({ name }) => name === of.name)
      if (group)
        for (const { tenant: name, user } of this.#ownersOf(group)) tenant(name).users.set(user, rate)
    }
    return { ...(all !== undefined && { all }), tenants }
  }

  #isOver(owner: Owner, ends: readonly Budget['atEnd'][]): boolean {
    if (this.#states.size === 0) return false
    const holders: BudgetHolder[] = [
      { kind: 'everybody' },
      { kind: 'homeserver', name: owner.tenant },
      { kind: 'user', tenant: owner.tenant, user: owner.user },
      ...this.#plan.groups
        .filter(group => isMember(group, owner))
        .map(({ name }) => ({ kind: 'group' as const, name })),
    ]
    return holders.some(holder => {
      const state = this.#states.get(keyOf(holder))
      return state?.level === 'spent' && ends.includes(state.atEnd)
    })
  }

  #grownOf(
    of: BudgetHolder,
    grown: ReadonlyMap<string, { readonly owner: Owner; readonly octets: number }>,
  ): number {
    const group = of.kind === 'group' && this.#plan.groups.find(({ name }) => name === of.name)
    let octets = 0
    for (const one of grown.values()) {
      const isTheirs =
        of.kind === 'everybody' ||
        (of.kind === 'homeserver' && of.name === one.owner.tenant) ||
        (group && isMember(group, one.owner))
      if (isTheirs) octets += one.octets
    }
    return octets
  }

  #members(group: GroupBudget): Used[] {
    return this.#ownersOf(group).map(owner => this.#sums.user(owner).used)
  }

  /** A user of no homeserver that is named may be one of any. */
  #ownersOf({ users, homeserver }: GroupBudget): Owner[] {
    const tenants = homeserver === undefined ? [...this.#sums.tenants] : [homeserver]
    return tenants.flatMap(tenant => users.map(user => ({ tenant, user })))
  }
}

function keyOf(of: BudgetHolder): string {
  if (of.kind === 'everybody') return of.kind
  return of.kind === 'user' ? `user ${ownerKey(of)}` : `${of.kind} ${of.name}`
}
