import { Counter } from '../base/counters.ts'
import type { Time } from '../base/time.ts'
import {
  NONCE,
  PASSWORD_ALGORITHM,
  PASSWORD_ALGORITHMS,
  REALM,
  USERHASH,
  USERNAME,
} from '../wire/attributes.ts'
import { demultiplex } from '../wire/channel.ts'
import { integrityKind } from '../wire/integrity.ts'
import { type Message, Method, parse } from '../wire/message.ts'
import { peekNonce } from '../wire/peek.ts'
import type { Command } from './command.ts'
import { channelData } from './data.ts'
import type { Datagram } from './input.ts'
import { speak } from './mobility/moves.ts'
import { drop, type RelayState } from './relay-state.ts'
import { replyTo } from './reply.ts'
import { attributesRead, unknownAttributes } from './requests/attributes.ts'
import { dispatch } from './requests/dispatch.ts'
import { send } from './requests/send.ts'

/** What authentication asks for; integrity is read in any case. */
const CREDENTIALS: ReadonlySet<number> = new Set(
  [USERNAME, USERHASH, REALM, NONCE, PASSWORD_ALGORITHM, PASSWORD_ALGORITHMS].map(({ type }) => type),
)
/** Octets of the shortest request that is signed: header, a name of one octet, realm, nonce, integrity. */
const SHORTEST_SIGNED = 20 + 8 + 8 + 36 + 24

/** Takes a datagram or frame that came to a listener: from a client, or from a stranger. */
export function fromClient(state: RelayState, input: Datagram, now: Time): Command[] {
  const { socket, from, via, bytes } = input
  if (bytes.length === 0) return drop(state, Counter.dropNotStun)
  const kind = demultiplex(bytes[0]!)
  if (kind === 'channel') {
    const allocation = state.book.of(socket, from)
    if (allocation?.state !== 'open') return drop(state, Counter.dropNoAllocation)
    const moved = speak(state, allocation, socket, from, now)
    if (!moved) return drop(state, Counter.dropNoAllocation)
    return [...moved, ...channelData(state, allocation, bytes, now)]
  }
  if (kind !== 'stun') return drop(state, Counter.dropNotStun)
  const { book, strangers } = state
  if (!book.of(socket, from) && strangers.isSpent(from, via, now) && !isReturning(state, input, now)) {
    strangers.dropped(from)
    return drop(state, Counter.dropUnverified)
  }
  const classic = state.config.classicStun && via === 'udp'
  const message = parse(bytes, { classic, most: attributesRead(state.config) })
  if (message.kind === 'malformed') {
    if (message.why === 'too-many-attributes') return overfull(state, input, now)
    return drop(state, message.why === 'not-stun' ? Counter.dropNotStun : Counter.dropMalformed)
  }
  if (message.class === 'request') {
    const { isReferred } = input
    return dispatch(state, message, replyTo(message, socket, from, via, now), { isReferred })
  }
  if (message.class === 'indication' && message.method === Method.Send && !message.classic) {
    return sendIndication(state, message, input, now)
  }
  // Binding indications keep a NAT mapping alive and want nothing; answers to nobody's question are dropped.
  return message.method === Method.Binding && message.class === 'indication'
    ? []
    : drop(state, Counter.dropUnknownMethod)
}

/**
 * Answers a request that names more than is read where somebody with an
 * allocation has signed it, so that its client learns why (P-01). What else
 * is as long is dropped: RFC 8489 §9.2.5 has clients pass over an unsigned 400.
 */
function overfull(state: RelayState, { socket, from, via, bytes }: Datagram, now: Time): Command[] {
  const isOpen = state.book.of(socket, from)?.state === 'open'
  const message = isOpen ? parse(bytes, { only: CREDENTIALS }) : undefined
  if (message?.kind !== 'message' || message.class !== 'request' || integrityKind(message) === undefined) {
    return drop(state, Counter.dropMalformed)
  }
  return dispatch(state, message, replyTo(message, socket, from, via, now), { overfull: true })
}

/** Whether a datagram brings a nonce that was made for where it comes from; without parsing it, as most do not. */
export function isReturning({ nonces }: RelayState, { from, bytes }: Datagram, now: Time): boolean {
  if (bytes.length < SHORTEST_SIGNED) return false
  const nonce = peekNonce(bytes)
  return nonce !== undefined && nonces.isFresh(nonce, from, now)
}

function sendIndication(state: RelayState, message: Message, input: Datagram, now: Time): Command[] {
  const allocation = state.book.of(input.socket, input.from)
  if (allocation?.state !== 'open') return drop(state, Counter.dropNoAllocation)
  if (unknownAttributes(message).length > 0) return drop(state, Counter.dropUnknownAttribute)
  if (message.malformed.length > 0) return drop(state, Counter.dropMalformed)
  const moved = speak(state, allocation, input.socket, input.from, now)
  if (!moved) return drop(state, Counter.dropNoAllocation)
  return [...moved, ...send(state, allocation, message, now)]
}
