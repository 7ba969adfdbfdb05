import { Counter } from '../../base/counters.ts'
import type { Time } from '../../base/time.ts'
import { NONCE } from '../../wire/attributes.ts'
import { integrityKind } from '../../wire/integrity.ts'
import { get, type Message, Method } from '../../wire/message.ts'
import type { Allocation } from '../allocation.ts'
import type { Command } from '../command.ts'
import { mayBeElsewhere, nameByTicket, refer } from '../mobility/refer.ts'
import { drop, type RelayState } from '../relay-state.ts'
import { type ReplyTo, reject } from '../reply.ts'
import { hasEnded, lapseFor } from '../sweep.ts'
import { authenticate, type Known } from '../trust/authenticate.ts'
import { allocate } from './allocate.ts'
import { attributesRead, checkAttributes } from './attributes.ts'
import { binding } from './binding.ts'
import { channelBind } from './channel-bind.ts'
import { createPermission } from './create-permission.ts'
import { refresh } from './refresh.ts'
import type { Request } from './request.ts'

/** The methods that need a signature. */
const HANDLERS: ReadonlyMap<
  number,
  { readonly counter: number; readonly handle: (state: RelayState, request: Request) => Command[] }
> = new Map([
  [Method.Allocate as number, { counter: Counter.allocateRequest, handle: allocate }],
  [Method.Refresh, { counter: Counter.refreshRequest, handle: refresh }],
  [Method.CreatePermission, { counter: Counter.createPermissionRequest, handle: createPermission }],
  [Method.ChannelBind, { counter: Counter.channelBindRequest, handle: channelBind }],
])

/** How a request got here. */
export interface HowItCame {
  /** Only its credentials have been read, as it names more attributes than are. */
  readonly overfull?: true
  /** Another shard has handed it over. */
  readonly isReferred?: true | undefined
}

/** Answers a request, once it has proved itself where its method asks for that, or drops it. */
export function dispatch(
  state: RelayState,
  message: Message,
  reply: ReplyTo,
  { overfull, isReferred }: HowItCame,
): Command[] {
  const { counters } = state
  const handler = HANDLERS.get(message.method)
  const isBinding = message.method === Method.Binding && !overfull
  if (!isBinding && (!handler || message.classic)) return drop(state, Counter.dropUnknownMethod)
  if (isBinding) return answerBinding(state, message, reply)
  const { strangers, nonces, book } = state
  const standing = book.of(reply.socket, reply.to)

  // In the order that `Strangers` explains.
  const isFresh = nonces.isFresh(get(message, NONCE) ?? '', reply.to, reply.at)
  const isSigned = integrityKind(message) !== undefined
  const isReturning = isFresh && isSigned
  if (!standing && !isReturning && !strangers.chargeAnswer(reply.to, reply.via, reply.at, isSigned)) {
    return drop(state, Counter.dropUnverified)
  }
  const { counter, handle } = handler!
  const { requestsPerUserPerSecond: perSecond } = state.config.limits
  if (isSigned && state.pace.isSpent(reply, perSecond, standing?.identity.owner))
    return drop(state, Counter.dropRequests)
  const moving = nameByTicket(state, message)
  const isElsewhere = moving && !standing && !isReferred && isReturning && mayBeElsewhere(state, moving)
  if (isElsewhere) return refer(state, message, reply, moving.ticket.allocation)
  counters.add(counter)
  const known = knownBehind(state, standing, moving?.allocation, reply.at)
  const proof = authenticate(state, message, reply, known, isFresh)
  if (proof.kind === 'refused') {
    // What was let through for the sake of a call, or of its nonce, has not proved itself after all.
    const isUnpaid = proof.wrong && (standing || isReturning)
    if (isUnpaid && !strangers.chargeAnswer(reply.to, reply.via, reply.at))
      return drop(state, Counter.dropUnverified)
    return proof.commands
  }
  if (!state.pace.take(proof.identity.owner, partsOf(message, moving?.allocation), reply, perSecond))
    return drop(state, Counter.dropRequests)
  if (overfull) {
    const detail = `more than ${attributesRead(state.config)} attributes`
    return reject(proof.reply, { code: 400, why: 'bad-request', detail }, state.config, counters)
  }
  const request: Request = { message, identity: proof.identity, reply: proof.reply }
  const refusal = checkAttributes(state, message, proof.reply)
  if (refusal) return refusal
  // What has lapsed since the last sweep must not be refreshed back to life.
  const meant = moving?.allocation ?? standing
  const lapsed = meant?.state === 'open' ? lapseFor(state, meant, reply.at) : []
  return [...lapsed, ...handle(state, request)]
}

/** Binding asks for no signature (RFC 8489 §12). */
function answerBinding(state: RelayState, message: Message, reply: ReplyTo): Command[] {
  const { book, counters, strangers } = state
  const isStanding = book.of(reply.socket, reply.to) !== undefined
  if (!isStanding && !strangers.chargeAnswer(reply.to, reply.via, reply.at)) {
    return drop(state, Counter.dropUnverified)
  }
  counters.add(Counter.binding)
  return checkAttributes(state, message, reply) ?? binding(state, reply, message.classic)
}

/** Whose signature a request is expected to have: that of the user whose allocation it names, or stands on. */
function knownBehind(
  state: RelayState,
  standing: Allocation | undefined,
  moving: Allocation | undefined,
  now: Time,
): Known | undefined {
  const allocation = moving ?? standing
  if (!allocation || hasEnded(state, allocation, now)) return undefined
  return { identity: allocation.identity, isStanding: allocation === standing }
}

/** What a request makes work with: its attributes, and the routes of an allocation whose client moves. */
function partsOf({ attributes }: Message, moving: Allocation | undefined): number {
  return attributes.length + (moving?.state === 'open' ? moving.peers.size : 0)
}
