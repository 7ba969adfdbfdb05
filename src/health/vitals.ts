import type { WaitingText } from '../texts/waiting.ts'

/** What has been counted over a stretch of time. */
export interface Counts {
  /** Requests that were signed with a secret nobody has here, those that were then no longer tried included. */
  readonly wrongSecret: number
  readonly expired: number
  readonly unknownUser: number
  /** Requests that were answered with 508. */
  readonly noCapacity: number
  readonly opened: number
  /** Answers to requests without credentials that were held back. */
  readonly unverified: number
  /** Datagrams over a limit on bit rates. */
  readonly overRate: number
  /** Datagrams that could not be sent in time. */
  readonly notSent: number
  readonly relayedPackets: number
  /** Faults of the program that were caught. */
  readonly faults: number
  /** Seconds of processor time. */
  readonly cpuSeconds: number
  /** Looks, one a second, that were more than 0.2 s late. */
  readonly lateTicks: number
}

/** Counts of one stretch of time. */
export interface Increase extends Counts {
  /** Its length; shorter than was asked for while the relay is young. */
  readonly seconds: number
}

/** Something that can run out. */
export interface Share {
  readonly what: 'ports' | 'sessions' | 'connections' | 'descriptors' | 'homeserver-sessions'
  /** The homeserver, where each has its own. */
  readonly name?: string
  readonly used: number
  readonly limit: number
}

/** A budget of which little or nothing is left. */
export interface BudgetLeft {
  readonly of: { readonly kind: 'everybody' | 'homeserver' | 'group' | 'user'; readonly name?: string }
  readonly span: 'day' | 'month'
  /** Octets. */
  readonly used: number
  readonly limit: number
}

/** All that the health of a relay is judged by. Times are milliseconds since the epoch. */
export interface Vitals {
  readonly now: number
  readonly state: 'starting' | 'serving' | 'draining' | 'stopping'
  /** Which relay addresses are missing, and why. */
  readonly waiting: readonly WaitingText[]
  /** Why the router does not pass ports on to this machine that it was asked to. */
  readonly unmapped: WaitingText | undefined
  readonly workers: { readonly running: number; readonly missing: number }
  readonly shares: readonly Share[]
  /** Whether new calls are refused for want of memory. */
  readonly isShortOfMemory: boolean
  /** End of the certificate; undefined without TLS. */
  readonly certificateExpires: number | undefined
  /** Why a certificate is not there that ACME should have brought, or no new one that is due. */
  readonly certificateWaiting: WaitingText | undefined
  readonly lastReload: { readonly ok: boolean; readonly at: number }
  /** True where peers on the Internet cannot reach an address that is relayed from. */
  readonly onlyPrivate: boolean
  /** The last change of the public addresses, before and after. */
  readonly addressChange: { readonly at: number; readonly from: string; readonly to: string } | undefined
  /** What was counted in the last `minutes`. */
  increase(minutes: number): Increase
  readonly budgets: readonly BudgetLeft[]
  /** Allocations since the start. */
  readonly opened: number
}
