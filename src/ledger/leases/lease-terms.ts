/* What relays and the database that they share tell each other about budgets. */

/** A budget of one day or month, as the database calls it. */
export interface LeaseKey {
  readonly span: 'day' | 'month'
  /** Start of the day or month, in seconds since the epoch. */
  readonly start: number
  readonly kind: 'everybody' | 'homeserver' | 'group' | 'user'
  /** '' unless it is the budget of a homeserver or of a user. */
  readonly homeserver: string
  /** How the ledger calls the user or the group; '' for others. */
  readonly identity: string
}

/** What a relay has used of a budget, and what it would like to use before it tells the next time. All in octets. */
export interface LeaseAsk extends LeaseKey {
  readonly limit: number
  /** Used by this run of the relay since it began to count. Only grows. */
  readonly used: number
  readonly wanted: number
  /** All relays together had used at least this, two minutes ago. 0 where nothing is known. */
  readonly atLeast: number
}

export interface LeasesAsked {
  /** One run of one relay. */
  readonly relay: string
  /** Whether the database has heard of this run before. */
  readonly isKnown: boolean
  /** Moment of the last answer, by the database's clock in milliseconds; 0 before the first. */
  readonly since: number
  /** Starts of the day and the month that are of interest. */
  readonly day: number
  readonly month: number
  readonly asks: readonly LeaseAsk[]
}

/** What the database knows of a budget. All in octets. */
export interface LeaseRow extends LeaseKey {
  /** Used by all relays, as far as they have told. */
  readonly used: number
  /** The part of it that the asking relay has told. */
  readonly own: number
  /** What the asking relay may use before it tells; 0 where it has told nothing now. */
  readonly leased: number
  /** Running relays that have used some of it; 1 where the asking relay has told nothing now. */
  readonly sharers: number
}

export interface LeasesAnswer {
  /** By the database's clock, in milliseconds since the epoch. */
  readonly now: number
  /** Relays that run, as far as the database knows. */
  readonly relays: number
  /** False where the database has forgotten this run, which must begin under another name. Nothing was written then. */
  readonly isKnown: boolean
  /** Of every budget that was asked about, and of those that others have used. */
  readonly rows: readonly LeaseRow[]
}

/** Share of a budget that all relays together may use without having told. */
export const UNTOLD = 0.01
/** Seconds without a word after which what a relay has leased is free again. */
export const SILENT = 30

/** The budget's name in tables of ours. */
export function leaseName({ span, kind, homeserver, identity }: Omit<LeaseKey, 'start'>): string {
  return `${span}\0${kind}\0${homeserver}\0${identity}`
}
