import { type LeaseAsk, type LeaseRow, UNTOLD } from './lease-terms.ts'

/** Seconds within which everything that was used is told. */
const TELL_WITHIN = 20
/** Seconds for which a lease ought to last when another is asked for. */
const AHEAD = 2
/** Seconds after which everybody has told what they had used by then. */
const SETTLED = 120
/** Share of a budget by which the database may know too little before it is told so. */
const CLOSE = UNTOLD / 10

/**
 * One budget of one day or month, as this relay sees it: what it has used itself,
 * told and untold, and what others have told. All in octets, and seconds of a clock that does not jump.
 */
export class SharedBudget {
  readonly start: number
  /** Used by this run since it began to count. */
  #own = 0
  /** The part of it that the database has taken down. */
  #told = 0
  #others = 0
  #leased = 0
  #toldAt: number
  #isTold = false
  /** Running relays that have used some of it, this one among them. */
  sharers = 1
  /** What all had used together by `#floorAt`, according to the ledger. */
  #floor = 0
  #floorAt: number

  constructor(start: number, now: number) {
    this.start = start
    this.#toldAt = now
    this.#floorAt = now
  }

  /** What all relays have used, as far as they have told. */
  get used(): number {
    return this.#others + this.#own
  }

  grew(octets: number): void {
    this.#own += octets
  }

  /** The ledger says that all have used this much, at least. */
  atLeast(used: number, now: number): void {
    if (this.#floor === 0) {
      this.#floor = used
      this.#floorAt = now
    }
  }

  /**
   * What the others may have used meanwhile, while the database is away: beyond the lease
   * as much as this relay itself, each of them. So all of them stop when the budget is used up.
   */
  assumed(others: number): number {
    const untold = this.#own - this.#told
    return untold <= this.#leased ? 0 : untold * others
  }

  /** What there is to be told now; undefined where that can wait. */
  ask(limit: number, now: number): Omit<LeaseAsk, 'kind' | 'homeserver' | 'identity' | 'span'> | undefined {
    const atLeast = now - this.#floorAt >= SETTLED ? this.#floor : 0
    const isLow = atLeast > this.used + limit * CLOSE
    if (!isLow && !this.#isDue(limit, now)) {
      if (atLeast > 0) this.#floor = 0
      return undefined
    }
    const wanted = this.#rate(now) * TELL_WITHIN
    return { start: this.start, limit, used: this.#own, wanted, atLeast: isLow ? atLeast : 0 }
  }

  /** The database has taken down what was asked. */
  answered(asked: Pick<LeaseAsk, 'used' | 'atLeast'>, row: LeaseRow, now: number): void {
    // This run has counted before, and has forgotten it since.
    if (!this.#isTold && row.own > asked.used) this.#own += row.own
    this.#isTold = true
    this.#told = row.own > asked.used ? row.own : asked.used
    this.#toldAt = now
    this.#leased = row.leased
    this.sharers = Math.max(1, row.sharers)
    if (asked.atLeast > 0) this.#floor = 0
    this.heard(row)
  }

  /** What the others have used. */
  heard({ used, own }: LeaseRow): void {
    this.#others = used - own
  }

  /** What this run has told belongs to a run of the past now. */
  renamed(): void {
    this.#own -= this.#told
    this.#others += this.#told
    this.#told = 0
    this.#leased = 0
    this.#isTold = false
  }

  #isDue(limit: number, now: number): boolean {
    const untold = this.#own - this.#told
    const isLate = now - this.#toldAt >= TELL_WITHIN
    if (untold === 0) return this.#leased > 0 && isLate
    if (!this.#isTold || isLate) return true
    // When all know that it is used up, there is no hurry.
    if (this.#others + this.#told >= limit) return false
    return this.#leased - untold < this.#rate(now) * AHEAD
  }

  /** Octets a second of late. */
  #rate(now: number): number {
    return (this.#own - this.#told) / Math.max(1, now - this.#toldAt)
  }
}
