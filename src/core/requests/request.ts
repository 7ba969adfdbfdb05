import type { CountedCode } from '../../base/counters.ts'
import { failed, type Result, succeeded } from '../../base/result.ts'
import type { Message, MessageWriter } from '../../wire/message.ts'
import type { OpenAllocation } from '../allocation.ts'
import type { Command } from '../command.ts'
import type { CapacityCause, RejectReason } from '../event.ts'
import type { RelayState } from '../relay-state.ts'
import { answer, reject, type SignedReplyTo } from '../reply.ts'
import type { Identity } from '../trust/signer.ts'

/** A request whose signature has verified. */
export interface Request {
  readonly message: Message
  readonly identity: Identity
  /** `at` is when the request came. */
  readonly reply: SignedReplyTo
}

/** Refuses an authenticated request; the answer carries integrity. */
export function refuse(
  state: RelayState,
  request: Request,
  code: CountedCode,
  why: RejectReason,
  detail: string,
  cause?: CapacityCause,
): Command[] {
  return reject(request.reply, { code, why, detail, cause }, state.config, state.counters)
}

/** Answers an authenticated request with success. */
export function succeed(request: Request, writer: MessageWriter): Command[] {
  return [answer(request.reply, writer)]
}

/**
 * The allocation a request other than Allocate is about: 437 where the 5-tuple
 * has none, 441 where another user made it (RFC 8656 §5). The error is the refusal.
 */
export function allocationOf(state: RelayState, request: Request): Result<OpenAllocation, Command[]> {
  const { reply } = request
  const allocation = state.book.of(reply.socket, reply.to)
  if (allocation?.state !== 'open')
    return failed(refuse(state, request, 437, 'mismatch', 'no allocation on this 5-tuple'))
  if (!isSameUser(allocation.identity, request.identity)) {
    return failed(refuse(state, request, 441, 'wrong-user', 'another user made this allocation'))
  }
  return succeeded(allocation)
}

/**
 * Whether two credentials are one user's: those of a time-limited user differ
 * in the expiry. Where the name has nothing else, only the same name will do.
 */
export function isSameUser(a: Identity, b: Identity): boolean {
  if (a.owner.user === '') return a.username === b.username
  return a.owner.tenant === b.owner.tenant && a.owner.user === b.owner.user
}

/** Seconds granted for seconds asked (RFC 8656 §7.2, §8.2): never below the default, never above the maximum. */
export function grant(state: RelayState, asked: number | undefined): number {
  const { default: usual, max } = state.config.lifetime
  return Math.max(usual, Math.min(asked ?? 0, max))
}
