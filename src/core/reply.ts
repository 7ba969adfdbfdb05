import type { ClientAddress } from '../base/address.ts'
import { type CountedCode, Counter, type Counters, ERROR_COUNTERS } from '../base/counters.ts'
import type { SocketId } from '../base/ids.ts'
import type { Time } from '../base/time.ts'
import type { Via } from '../base/via.ts'
import { ERROR_CODE, UNKNOWN_ATTRIBUTES } from '../wire/attributes.ts'
import { reasonPhrase } from '../wire/error-codes.ts'
import { type Message, MessageWriter, Method } from '../wire/message.ts'
import type { Command } from './command.ts'
import type { CapacityCause, Owner, RejectReason } from './event.ts'

/** Where an answer goes and how it is signed. Keeps nothing of the batch the request came in. */
export interface ReplyTo {
  readonly socket: SocketId
  readonly to: ClientAddress
  readonly via: Via
  readonly method: number
  readonly transaction: Buffer
  /** A request with FINGERPRINT gets an answer with FINGERPRINT (RFC 8489 §7). */
  readonly fingerprint: boolean
  readonly at: Time
  /** Undefined until the request has proved itself. */
  readonly signature: Signature | undefined
  readonly username: string | undefined
  /** Undefined as `signature` is. */
  readonly owner?: Owner
}

/** How an answer is signed: as the request was, with the key that verified it. */
export interface Signature {
  readonly kind: 'sha1' | 'sha256'
  readonly key: Buffer
}

/** Where the answer to a request goes that has proved itself: what handlers answer is always signed. */
export interface SignedReplyTo extends ReplyTo {
  readonly signature: Signature
}

export interface ReplyStyle {
  readonly reasonPhrases: boolean
}

/** What is needed to answer this message; the transaction id is copied. */
export function replyTo(message: Message, socket: SocketId, to: ClientAddress, via: Via, at: Time): ReplyTo {
  return {
    socket,
    to,
    via,
    method: message.method,
    transaction: Buffer.from(message.transaction),
    fingerprint: message.fingerprint,
    at,
    signature: undefined,
    username: undefined,
  }
}

export function success(reply: ReplyTo): MessageWriter {
  return new MessageWriter('success', reply.method, reply.transaction)
}

export function errorReply(reply: ReplyTo, code: number, style: ReplyStyle): MessageWriter {
  const reason = style.reasonPhrases ? reasonPhrase(code) : ''
  return new MessageWriter('error', reply.method, reply.transaction).set(ERROR_CODE, { code, reason })
}

/** Signs as the request was signed (RFC 8489 §9.2.4), adds FINGERPRINT where asked, and addresses the answer. */
export function answer(reply: ReplyTo, writer: MessageWriter): Command & { kind: 'send' } {
  if (reply.signature) writer.sign(reply.signature.kind, reply.signature.key)
  if (reply.fingerprint) writer.fingerprint()
  return { kind: 'send', socket: reply.socket, to: reply.to, bytes: writer.finish() }
}

/** Why a request is refused: the code, the operator's word for it, and the detail for a log line. */
export interface RefusalReason {
  readonly code: CountedCode
  readonly why: RejectReason
  readonly detail: string
  readonly cause?: CapacityCause | undefined
  readonly isReturning?: boolean
  readonly unknown?: readonly number[]
}

/** An error answer and the event that says why. */
export function reject(
  reply: ReplyTo,
  refusal: RefusalReason,
  style: ReplyStyle,
  counters: Counters,
): Command[] {
  const writer = errorReply(reply, refusal.code, style)
  if (refusal.unknown) writer.set(UNKNOWN_ATTRIBUTES, listOfUnknown(reply, refusal.unknown))
  return [answer(reply, writer), rejected(reply, refusal, counters)]
}

/** In a classic answer one is repeated where the length would not be a multiple of 4 (RFC 3489 §11.2.10). */
function listOfUnknown({ transaction }: ReplyTo, unknown: readonly number[]): number[] {
  const isClassic = transaction.length === CLASSIC_TRANSACTION
  return isClassic && unknown.length % 2 === 1 ? [...unknown, unknown.at(-1)!] : [...unknown]
}

/** Octets of a transaction id of RFC 3489. */
const CLASSIC_TRANSACTION = 16

/** Counts a refusal and tells of it. */
export function rejected(reply: ReplyTo, refusal: RefusalReason, counters: Counters): Command {
  counters.add(Counter[ERROR_COUNTERS[refusal.code]])
  const event = {
    kind: 'rejected' as const,
    at: reply.at,
    from: reply.to,
    via: reply.via,
    method: METHOD_NAME.get(reply.method) ?? `0x${reply.method.toString(16)}`,
    code: refusal.code,
    why: refusal.why,
    detail: refusal.detail,
    ...(refusal.cause && { cause: refusal.cause }),
    ...(refusal.isReturning && { isReturning: true as const }),
  }
  const { username, owner } = reply
  return {
    kind: 'tell',
    event: { ...event, ...(username !== undefined && { username }), ...(owner && { owner }) },
  }
}

const METHOD_NAME = new Map<number, string>(Object.entries(Method).map(([name, method]) => [method, name]))
