import type { Time } from '../base/time.ts'

/** The user that is looked up. Exactly one of `username` and `userhash` is there. */
export interface AuthRequest {
  readonly username?: string
  /** SHA-256 of username and realm (RFC 8489 §14.4). */
  readonly userhash?: Buffer
  readonly realm: string
  /** One of `PasswordAlgorithm`: how the key is to be derived. */
  readonly algorithm: number
  /** By the wall clock. */
  readonly now: Time
}

/** Somebody who may have signed the request, if `key` verifies. */
export interface Candidate {
  /** Name of the homeserver, or '' for a long-term user. */
  readonly tenant: string
  /** Whom quotas count: the user name without the timestamp. */
  readonly user: string
  readonly username: string
  /** Long-term key (RFC 8489 §9.2.2); signs both directions. */
  readonly key: Buffer
  /** By the wall clock. */
  readonly expires?: Time
  readonly expired: boolean
  /** The expiry lies further ahead than the operator allows. */
  readonly tooLong?: boolean
  /** The operator has paused this homeserver: no new allocations. */
  readonly paused: boolean
  /** The operator has blocked this user: nothing but giving an allocation back. */
  readonly blocked?: boolean
}

/**
 * Looks a user name up: one candidate per secret or list entry that may stand
 * behind it, none when the name cannot be anybody's. Pure and synchronous; the
 * core verifies the integrity against each. A look-up that throws is answered
 * 500: the client may try again (RFC 8489 §14.8).
 */
export type Authenticate = (request: AuthRequest) => readonly Candidate[]
