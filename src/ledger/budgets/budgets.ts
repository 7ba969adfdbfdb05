import { isDeepStrictEqual } from 'node:util'
import type { AllocationId } from '../../base/ids.ts'
import { failed, type Result } from '../../base/result.ts'
import { NOBODY_SLOWED, type Slowed } from '../../core/buckets.ts'
import { type Event, type Owner, ownerKey } from '../../core/event.ts'
import { DEAR, inSlices } from '../../system/slices.ts'
import type { Leases } from '../leases/leases.ts'
import type { UsageAsked, UsageSums } from '../store/ledger-store.ts'
import { questionsOf, sumsOf } from './asking.ts'
import { type Budget, type BudgetPlan, type GroupBudget, hasBudgets, needsUsers } from './budget-plan.ts'
import {
  type BudgetHolder,
  type BudgetState,
  holderKey,
  isSoonSpent,
  type SharedHolder,
  stateOf,
} from './budget-states.ts'
import { BudgetSums, type Used } from './budget-sums.ts'
import { GroupMembers } from './group-members.ts'
import type { OwnLimits } from './own-limits.ts'
import { slowedBy } from './slowing.ts'

/** Seconds between two looks, while no budget can be used up within seconds. */
const LOOK_EVERY = 4
/** Seconds after which the ledger is asked again that did not answer, and one that others write to, too. */
const ASK_AGAIN = 60
const ASK_SHARED = 300

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
  /** What people have set for themselves. */
  readonly own?: OwnLimits | undefined
  /** What the relays that share a ledger tell each other. */
  readonly leases?: Leases | undefined
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
  #members: GroupMembers
  #sums: BudgetSums
  #states: ReadonlyMap<string, BudgetState> = new Map()
  #slowed = NOBODY_SLOWED
  readonly #live = new Map<AllocationId, Owner>()
  /** Octets since the last look, by owner. */
  #grown = new Map<string, Grown>()
  /** All is to be judged anew, and not only those who have used something. */
  #isStale = true
  #looking: Promise<void> | undefined
  #wait = 0
  #sinceLook = 0
  #asking: Promise<void> | undefined
  #askIn: number | undefined = 0
  /** How often something else was to be asked. */
  #changes = 0

  constructor(plan: BudgetPlan, parts: BudgetsParts) {
    this.#plan = plan
    this.#members = new GroupMembers(plan.groups)
    this.#parts = parts
    this.#sums = this.#freshSums()
  }

  /** Other budgets, under live calls. */
  configure(plan: BudgetPlan): void {
    if (isDeepStrictEqual(this.#plan, plan)) return
    this.#change(() => {
      this.#plan = plan
      this.#members = new GroupMembers(plan.groups)
    })
  }

  /** A limit of somebody's own, or none any more, under live calls. Refused above what the operator allows. */
  setOwn(owner: Owner, month: number | undefined): Result<void, 'too-high' | 'full'> {
    const { own } = this.#parts
    if (!own) return failed('full')
    if (month !== undefined && month > (this.#plan.perUser?.month ?? Number.POSITIVE_INFINITY))
      return failed('too-high')
    return this.#change(() => own.set(owner, month))
  }

  /** What somebody may use, by the operator's word and by their own. */
  budgetOf(owner: Owner): Budget | undefined {
    const { perUser } = this.#plan
    const own = this.#parts.own?.of(owner)
    if (own === undefined) return perUser
    const { day = Number.POSITIVE_INFINITY, month = own, atEnd = 'slow' } = perUser ?? {}
    return { day, month: Math.min(own, month), atEnd }
  }

  /** Groups that somebody pays for, with what their members have used. */
  paidBy({ tenant, user }: Owner): { readonly group: GroupBudget; readonly used: Readonly<Used> }[] {
    return this.#plan.groups
      .filter(
        ({ payer, homeserver = tenant }) => payer !== undefined && payer === user && homeserver === tenant,
      )
      .map(group => {
        const used = this.#members.used(group, this.#sums)
        return { group, used: this.#parts.leases?.used({ kind: 'group', name: group.name }, used) ?? used }
      })
  }

  /** How many limits people have set for themselves. */
  get ownLimits(): number {
    return this.#parts.own?.size ?? 0
  }

  /** What the operator allows each user. */
  get perUser(): Budget | undefined {
    return this.#plan.perUser
  }

  hear(event: Event): void {
    if (event.kind === 'closed') this.#live.delete(event.allocation)
    if (event.kind !== 'opened') return
    this.#live.set(event.allocation, event.owner)
    // A group may have members there.
    if (this.#sums.meet(event.owner.tenant)) this.#refresh()
    // To be judged by what was used before, at the next look.
    this.grew(event.owner, 0)
    // One that was let in before its budget was used up, and opens after.
    if (this.#isOver(event.owner, ['end'])) this.#parts.end(event.allocation)
  }

  /** An owner has used some octets of payload. */
  grew(owner: Owner, octets: number): void {
    if (!this.#isUsed) return
    this.#sums.add(owner, octets, this.#needsUsers)
    const key = ownerKey(owner)
    const grown = this.#grown.get(key)
    if (grown) grown.octets += octets
    else this.#grown.set(key, { owner, octets })
  }

  /** Whether no new session may begin. */
  isSpent(owner: Owner): boolean {
    if (this.#isOver(owner, ['refuse', 'end'])) return true
    const budget = this.budgetOf(owner)
    if (!budget || budget.atEnd === 'slow') return false
    // One who has used nothing since the start has not been judged yet.
    const of: BudgetHolder = { kind: 'user', ...owner }
    return stateOf(of, budget, this.#assumed(of, this.#sums.usedBy(owner)))?.level === 'spent'
  }

  /** Those of which little or nothing is left. */
  get states(): Iterable<BudgetState> {
    return this.#states.values()
  }

  /** What was used of every budget but those of single users, at all relays that share them. */
  *figures(): Generator<BudgetFigure<SharedHolder>> {
    const { leases } = this.#parts
    for (const { of, budget, used } of this.#counted())
      yield { of, budget, used: leases ? leases.used(of, used) : used }
  }

  /** The same, by what was counted here and by the ledger. */
  *#counted(): Generator<BudgetFigure<SharedHolder>> {
    const { total, homeservers, groups } = this.#plan
    if (total) yield { of: { kind: 'everybody' }, budget: total, used: this.#sums.total }
    for (const budget of homeservers)
      yield { of: { kind: 'homeserver', name: budget.name }, budget, used: this.#sums.tenant(budget.name) }
    for (const group of groups)
      yield {
        of: { kind: 'group', name: group.name },
        budget: group,
        used: this.#members.used(group, this.#sums),
      }
  }

  /** Once a second. */
  tick(): void {
    if (!this.#isUsed) return
    if (this.#sums.turn(this.#parts.now())) {
      this.#refresh()
      // Where it was the clock that jumped, and back again, the ledger still knows what was used.
      this.#askIn = 0
    }
    if (this.#askIn !== undefined && this.#askIn-- <= 0 && !this.#asking) {
      this.#asking = this.#ask().finally(() => {
        this.#asking = undefined
      })
    }
    const { leases } = this.#parts
    leases?.turn(this.#sums.spans)
    leases?.tick(holders => this.#inTurn(() => this.#judgeAgain(holders)))
    this.#sinceLook++
    if (this.#looking || (--this.#wait > 0 && !this.#isStale)) return
    this.#inTurn(() => this.#look())
  }

  /** Resolves when what the last tick has begun is done. */
  async idle(): Promise<void> {
    await this.#asking
    await this.#looking
    await this.#parts.leases?.idle()
    await this.#looking
  }

  async close(): Promise<void> {
    await this.#parts.leases?.close()
  }

  /** Budgets are judged by one at a time. */
  #inTurn(judge: () => Promise<void>): void {
    const before = this.#looking ?? Promise.resolve()
    const looking = before.then(judge).finally(() => {
      if (this.#looking === looking) this.#looking = undefined
    })
    this.#looking = looking
  }

  /** Whether anybody has a budget, and whether somebody's own use has to be known. */
  get #isUsed(): boolean {
    return hasBudgets(this.#plan) || this.#hasOwn
  }

  get #needsUsers(): boolean {
    return needsUsers(this.#plan) || this.#hasOwn
  }

  get #hasOwn(): boolean {
    return this.ownLimits > 0
  }

  /** Has other budgets, and all judged by them. */
  #change<T>(change: () => T): T {
    const [wasUsed, knewUsers] = [this.#isUsed, this.#needsUsers]
    const changed = change()
    this.#isStale = true
    if (!wasUsed) {
      this.#sums = this.#freshSums()
      this.#members.refresh()
    }
    if (!wasUsed || (this.#needsUsers && !knewUsers)) {
      this.#changes++
      this.#askIn = 0
    }
    if (!this.#isUsed) this.#settle(new Map())
    return changed
  }

  #refresh(): void {
    this.#isStale = true
    this.#members.refresh()
  }

  #freshSums(): BudgetSums {
    const { ledger, now } = this.#parts
    return new BudgetSums(user => ledger.identitiesOf(user), now())
  }

  /** Asks the ledger what was used of this day and month before this process began, and by other relays. */
  async #ask(): Promise<void> {
    const { ledger, isShared } = this.#parts
    const sums = this.#sums
    const change = this.#changes
    try {
      const answers = await ledger.sumsNow(questionsOf(sums.spans, this.#needsUsers), () => sums.ask())
      const isTaken = await sums.take(sumsOf(answers))
      // Under other budgets something else is asked.
      if (change !== this.#changes) return
      this.#isStale = true
      this.#askIn = isTaken ? (isShared ? ASK_SHARED : undefined) : 0
    } catch {
      // The ledger itself complains of a database that is away.
      this.#askIn = ASK_AGAIN
    }
  }

  /** Judges those who have used something since the last time, or all, and does what follows. */
  async #look(): Promise<void> {
    await this.#parts.ledger.count()
    const plan = this.#plan
    const ofUsers = plan.perUser !== undefined || this.#hasOwn
    const grown = this.#grown
    this.#grown = new Map()
    const isAll = this.#isStale
    this.#isStale = false
    const seconds = Math.max(1, this.#sinceLook)
    this.#sinceLook = 0
    const states = new Map(isAll ? [] : this.#states)
    let isSoon = false
    const judge = (of: BudgetHolder, budget: Budget, used: Used, octets: number) => {
      const { leases } = this.#parts
      leases?.grew(of, budget, used, octets)
      const assumed = this.#judge(states, { of, budget, used })
      // The others are taken to be as fast as this relay.
      isSoon ||= isSoonSpent(budget, assumed, (octets / seconds) * (leases?.sharers(of) ?? 1))
    }
    const octets = new Map<string, number>()
    const add = (holder: string, more: number) => void octets.set(holder, (octets.get(holder) ?? 0) + more)
    await inSlices(grown.values(), one => {
      for (const holder of this.#holders(one.owner)) add(holder, one.octets)
      // With the month, all have been forgotten.
      if (ofUsers) this.#sums.user(one.owner)
    })
    await inSlices(this.#counted(), ({ of, budget, used }) => {
      judge(of, budget, used, octets.get(holderKey(of)) ?? 0)
    })
    if (ofUsers) {
      const users: Iterable<{ readonly owner: Owner }> = isAll ? this.#sums.users : grown.values()
      await inSlices(users, ({ owner }) => {
        const of: BudgetHolder = { kind: 'user', ...owner }
        const budget = this.budgetOf(owner)
        if (budget) judge(of, budget, this.#sums.user(owner).used, octets.get(holderKey(of)) ?? 0)
      })
    }
    // Under other budgets it is judged anew.
    if (plan !== this.#plan) return
    this.#wait = isSoon ? 1 : LOOK_EVERY
    this.#settle(states)
    await this.#endSpent()
  }

  /** Other relays have told what they have used. */
  async #judgeAgain(holders: readonly BudgetHolder[]): Promise<void> {
    const plan = this.#plan
    const states = new Map(this.#states)
    const figures = new Map(Array.from(this.#counted(), figure => [holderKey(figure.of), figure]))
    await inSlices(holders, of => {
      const figure = of.kind === 'user' ? this.#figureOf(of) : figures.get(holderKey(of))
      if (figure) this.#judge(states, figure)
    })
    if (plan !== this.#plan) return
    this.#settle(states)
    await this.#endSpent()
  }

  /** Judges by what all relays have used, and returns that. */
  #judge(states: Map<string, BudgetState>, { of, budget, used }: BudgetFigure): Readonly<Used> {
    const assumed = this.#assumed(of, used)
    const state = stateOf(of, budget, assumed)
    if (state) states.set(holderKey(of), state)
    else states.delete(holderKey(of))
    return assumed
  }

  #figureOf(of: BudgetHolder & { readonly kind: 'user' }): BudgetFigure | undefined {
    const budget = this.budgetOf(of)
    return budget && { of, budget, used: this.#sums.usedBy(of) }
  }

  #assumed(of: BudgetHolder, used: Readonly<Used>): Readonly<Used> {
    return this.#parts.leases?.assumed(of, used) ?? used
  }

  #settle(states: ReadonlyMap<string, BudgetState>): void {
    const before = this.#states
    this.#states = states
    for (const key of new Set([...before.keys(), ...states.keys()])) {
      const [old, now] = [before.get(key), states.get(key)]
      if (old?.level !== now?.level) this.#parts.told(old, now)
    }
    const slowed = slowedBy(states.values(), this.#members, this.#sums.tenants, this.#plan.slowTo)
    if (isDeepStrictEqual(slowed, this.#slowed)) return
    this.#slowed = slowed
    this.#parts.slow(slowed)
  }

  /** Ends live calls where that is what happens at the end, in slices: there may be ten thousand. */
  async #endSpent(): Promise<void> {
    const ends = [...this.#states.values()].some(({ level, atEnd }) => level === 'spent' && atEnd === 'end')
    if (!ends) return
    const end = ([allocation, owner]: readonly [AllocationId, Owner]) => {
      if (this.#isOver(owner, ['end'])) this.#parts.end(allocation)
    }
    await inSlices(this.#live, end, DEAR)
  }

  #isOver(owner: Owner, ends: readonly Budget['atEnd'][]): boolean {
    if (this.#states.size === 0) return false
    return this.#holders(owner).some(holder => {
      const state = this.#states.get(holder)
      return state?.level === 'spent' && ends.includes(state.atEnd)
    })
  }

  /** Keys of all whose budget an owner uses. */
  #holders(owner: Owner): string[] {
    const groups = this.#members.of(owner)
    return [
      holderKey({ kind: 'everybody' }),
      holderKey({ kind: 'homeserver', name: owner.tenant }),
      holderKey({ kind: 'user', ...owner }),
      ...groups.map(({ name }) => holderKey({ kind: 'group', name })),
    ]
  }
}

export interface BudgetFigure<Of extends BudgetHolder = BudgetHolder> {
  readonly of: Of
  readonly budget: Budget
  readonly used: Readonly<Used>
}

/** What somebody has used since the last look. */
interface Grown {
  readonly owner: Owner
  octets: number
}
