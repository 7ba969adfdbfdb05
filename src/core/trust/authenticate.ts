import type { Address } from '../../base/address.ts'
import { Counter, type Counters } from '../../base/counters.ts'
import {
  LIFETIME,
  NONCE,
  PASSWORD_ALGORITHM,
  PASSWORD_ALGORITHMS,
  REALM,
  USERHASH,
  USERNAME,
} from '../../wire/attributes.ts'
import { integrityKind, PasswordAlgorithm } from '../../wire/integrity.ts'
import { get, type Message, type MessageWriter, Method } from '../../wire/message.ts'
import { readNonceCookie, SecurityFeature } from '../../wire/nonce-cookie.ts'
import type { Command } from '../command.ts'
import type { RelayConfig } from '../config.ts'
import type { Decisions } from '../decisions.ts'
import {
  answer,
  errorReply,
  type RefusalReason,
  type ReplyTo,
  reject,
  rejected,
  type SignedReplyTo,
} from '../reply.ts'
import type { Identity, Signer } from './signer.ts'

export type Authenticated =
  | { readonly kind: 'identified'; readonly identity: Identity; readonly reply: SignedReplyTo }
  /** `wrong`: the integrity did not verify, or was not tried, or nobody has that name. */
  | { readonly kind: 'refused'; readonly commands: Command[]; readonly wrong: boolean }

/** The user whose allocation a request is about. */
export interface Known {
  readonly identity: Identity
  /** It came on the allocation's own 5-tuple. */
  readonly isStanding: boolean
}

/** What the checks stand on. */
export type Authority = Pick<Decisions, 'environment' | 'findSigner' | 'nonces' | 'strangers'> & {
  readonly config: RelayConfig
  readonly counters: Counters
}

/** The algorithms offered, best first (RFC 8489 §9.2.4). */
const OFFERED = [PasswordAlgorithm.SHA256, PasswordAlgorithm.MD5].map(algorithm => ({
  algorithm,
  parameters: Buffer.alloc(0),
}))

/**
 * Checks a request's long-term credential in the order of RFC 8489 §9.2.4:
 * integrity present, attributes present, algorithm, user, integrity, nonce.
 * `known` is who made the allocation on the same 5-tuple, or the one whose
 * ticket the request brings; a request in its name is verified without a
 * look-up, so a call outlives its secret.
 * `isFresh` is whether its nonce was made for this address and is not too old.
 */
export function authenticate(
  authority: Authority,
  message: Message,
  reply: ReplyTo,
  known: Known | undefined,
  isFresh: boolean,
): Authenticated {
  const { config, counters, strangers } = authority
  const kind = integrityKind(message)
  if (!kind) {
    counters.add(Counter.unauthenticated)
    const why = { code: 401, why: 'first-401', detail: 'no credentials in the request' } as const
    return refused(challenge(authority, reply, why))
  }

  const username = get(message, USERNAME)
  const hash = get(message, USERHASH)
  const realm = get(message, REALM)
  const nonce = get(message, NONCE)
  const named: ReplyTo = username === undefined ? reply : { ...reply, username }
  const bad = (detail: string) => {
    counters.add(Counter.authBadRequest)
    return refused(reject(named, { code: 400, why: 'bad-request', detail }, config, counters))
  }
  if (username === undefined && hash === undefined) return bad('integrity without USERNAME')
  if (realm === undefined) return bad('integrity without REALM')
  if (nonce === undefined) return bad('integrity without NONCE')

  const algorithm = chosenAlgorithm(message, nonce)
  if (algorithm === undefined) return bad('PASSWORD-ALGORITHM is not one that was offered')

  const unauthorised = (refusal: Omit<RefusalReason, 'code'>) =>
    refused(challenge(authority, named, { code: 401, ...refusal }))
  const wrong = (refusal: Omit<RefusalReason, 'code'>) => ({
    ...unauthorised({ ...refusal, isReturning: isFresh }),
    wrong: true,
  })
  if (realm !== config.realm) {
    counters.add(Counter.authUnknownUser)
    return unauthorised({ why: 'wrong-realm', detail: 'the realm is not ours' })
  }

  const now = authority.environment.wall(reply.at)
  const name = username ?? hash!.toString('hex')
  const isOwn = known?.isStanding === true && known.identity.username === username
  if (!isOwn && strangers.holdBack(reply.to, name, !isFresh, reply.at)) {
    counters.add(Counter.authGuessing)
    return wrong({ why: 'guessing', detail: 'not tried: too many wrong passwords came before it' })
  }
  const found = authority.findSigner({
    message,
    kind,
    algorithm,
    realm,
    username,
    hash,
    known: known?.identity,
    now,
  })
  if (!found.ok) {
    const why = found.error
    if (why === 'unavailable') {
      const detail = 'users cannot be looked up at the moment'
      return refused(reject(named, { code: 500, why: 'internal', detail }, config, counters))
    }
    if (!isOwn) strangers.failed(reply.to, name, !isFresh, reply.at)
    counters.add(why === 'unknown-user' ? Counter.authUnknownUser : Counter.authWrongSecret)
    return wrong({ why, detail: NOT_SIGNED[why] })
  }

  const signed = found.value
  const outdated = findOutdated(authority, message, signed, isFresh)
  if (outdated) return refused(challenge(authority, named, outdated))

  strangers.proved(reply.to, reply.via, name, { tenant: signed.tenant, user: signed.user }, reply.at)
  // A client that chose an algorithm and signed with SHA-1 all the same could not verify SHA-256.
  const isSha256 = kind === 'sha256' && has8489Algorithms(message)
  const signature = { kind: isSha256 ? ('sha256' as const) : ('sha1' as const), key: signed.key }
  const owner = signed.known?.owner ?? { tenant: signed.tenant, user: signed.user }
  const proved: SignedReplyTo = { ...named, signature, owner }
  const barred = findBarred(message, signed)
  if (barred) return refused(reject(proved, barred, config, counters))
  const identity = signed.known ?? {
    owner,
    username: signed.username,
    key: signed.key,
    algorithm,
    expires: signed.expires,
  }
  return { kind: 'identified', identity, reply: proved }
}

/** Why no signer was found, for the log. */
const NOT_SIGNED = {
  'unknown-user': 'no user of that name, nor a time-limited name',
  'wrong-secret': 'no secret or password verifies the request',
} as const

/** Why the operator wants a request that verifies refused. */
function findBarred(message: Message, { paused, blocked, tenant }: Signer): RefusalReason | undefined {
  if (paused && message.method === Method.Allocate)
    return { code: 403, why: 'paused', detail: `${tenant} is paused` }
  if (blocked && !isRelease(message))
    return { code: 403, why: 'blocked', detail: 'the operator has blocked this user' }
  return undefined
}

/** Why a request that verifies is challenged again: its credential or its nonce is too old. */
function findOutdated(
  { config, counters }: Authority,
  message: Message,
  signed: Signer,
  isFresh: boolean,
): RefusalReason | undefined {
  const asksForMore = message.method === Method.Allocate || (config.strictExpiry && !isRelease(message))
  if (signed.expired && asksForMore) {
    counters.add(Counter.authExpired)
    const detail = 'the credential was right but its time is over'
    return { code: 401, why: 'expired', detail }
  }
  if (signed.tooLong && message.method === Method.Allocate) {
    counters.add(Counter.authExpired)
    const detail = 'the credential is valid for longer than is allowed here'
    return { code: 401, why: 'expired', detail }
  }
  if (isFresh) return undefined
  counters.add(Counter.authStaleNonce)
  return { code: 438, why: 'stale-nonce', detail: 'the nonce is old or another address got it' }
}

/** The nonce's feature bits that this configuration offers. */
export function features(config: RelayConfig): number {
  return (
    (config.sha256 ? SecurityFeature.passwordAlgorithms : 0) |
    (config.userhash ? SecurityFeature.usernameAnonymity : 0)
  )
}

/** An error answer that tells the client how to authenticate (RFC 8489 §9.2.4). */
function challenge(authority: Authority, reply: ReplyTo, refusal: RefusalReason): Command[] {
  const { config, nonces, counters } = authority
  const writer: MessageWriter = errorReply(reply, refusal.code, config)
    .set(REALM, config.realm)
    .set(NONCE, nonces.make(reply.to as Address, features(config), reply.at))
  if (config.sha256) writer.set(PASSWORD_ALGORITHMS, OFFERED)
  return [answer(reply, writer), rejected(reply, refusal, counters)]
}

/** The algorithm that the key is derived with, or undefined where RFC 8489 §9.2.4 wants a 400. */
function chosenAlgorithm(message: Message, nonce: string): number | undefined {
  const cookie = readNonceCookie(nonce) ?? 0
  if ((cookie & SecurityFeature.passwordAlgorithms) === 0) return PasswordAlgorithm.MD5
  const chosen = get(message, PASSWORD_ALGORITHM)
  const offered = get(message, PASSWORD_ALGORITHMS)
  if (!chosen && !offered) return PasswordAlgorithm.MD5
  if (!chosen || !offered) return undefined
  const same =
    offered.length === OFFERED.length &&
    offered.every((one, i) => one.algorithm === OFFERED[i]!.algorithm && one.parameters.length === 0)
  if (!same || chosen.parameters.length > 0) return undefined
  return OFFERED.find(one => one.algorithm === chosen.algorithm)?.algorithm
}

/** Whether a request gives its allocation back, which nobody is kept from. */
function isRelease(message: Message): boolean {
  return message.method === Method.Refresh && get(message, LIFETIME) === 0
}

/**
 * Whether the request took part in choosing an algorithm; one that is signed
 * with SHA-256 is then answered so (RFC 8489 §9.2.4).
 */
function has8489Algorithms(message: Message): boolean {
  const chosen = get(message, PASSWORD_ALGORITHM)
  return chosen !== undefined && get(message, PASSWORD_ALGORITHMS) !== undefined
}

function refused(commands: Command[]): Authenticated & { kind: 'refused' } {
  return { kind: 'refused', commands, wrong: false }
}
