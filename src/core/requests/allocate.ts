import type { Family } from '../../base/address.ts'
import { noTraffic } from '../../base/route.ts'
import { emptyList } from '../../base/row-store.ts'
import { after, type Seconds, type Time } from '../../base/time.ts'
import { familyCode, IPV4, IPV6 } from '../../wire/address-shapes.ts'
import {
  ADDITIONAL_ADDRESS_FAMILY,
  ADDRESS_ERROR_CODE,
  ALTERNATE_DOMAIN,
  ALTERNATE_SERVER,
  DONT_FRAGMENT,
  DRAFT_ADDITIONAL_ADDRESS_FAMILY,
  EVEN_PORT,
  LIFETIME,
  MOBILITY_TICKET,
  REQUESTED_ADDRESS_FAMILY,
  REQUESTED_TRANSPORT,
  RESERVATION_TOKEN,
  SOFTWARE,
  XOR_MAPPED_ADDRESS,
  XOR_RELAYED_ADDRESS,
} from '../../wire/attributes.ts'
import { reasonPhrase } from '../../wire/error-codes.ts'
import { get, has } from '../../wire/message.ts'
import type { Allocation, Leg, OpenAllocation, OpeningAllocation } from '../allocation.ts'
import { RESERVATION_LIFETIME, type Reservation } from '../book.ts'
import { end } from '../close.ts'
import type { Claim, Command } from '../command.ts'
import type { Opened, Refused } from '../input.ts'
import { noMemory } from '../peers/room.ts'
import { unrouteHost } from '../peers/routes.ts'
import { type FailedFamily, isShared } from '../relay-socket.ts'
import type { RelayState } from '../relay-state.ts'
import { answer, errorReply, reject, rejected, success } from '../reply.ts'
import { noteChange } from '../snapshot/noting.ts'
import { grant, type Request, refuse } from './request.ts'

const UDP = 17

/**
 * Answers an authenticated Allocate request (RFC 8656 §7.2). The checks stand
 * in the RFC's order, since clients see which one fails first.
 *
 * Success is not answered here: the reply waits for the relay sockets, see
 * `opened`.
 */
export function allocate(state: RelayState, request: Request): Command[] {
  const { book, config } = state
  const { message, reply } = request
  const now = reply.at
  const bad = (detail: string) => refuse(state, request, 400, 'bad-request', detail)

  const existing = book.of(reply.socket, reply.to)
  if (existing) return again(state, request, existing)
  if (state.draining) return redirect(state, request)

  const transport = get(message, REQUESTED_TRANSPORT)
  if (transport === undefined) return bad('no REQUESTED-TRANSPORT')
  if (transport !== UDP) return refuse(state, request, 442, 'unsupported', `transport protocol ${transport}`)

  if (has(message, DONT_FRAGMENT) && !config.dontFragment) {
    const detail = 'DONT-FRAGMENT cannot be honoured here'
    const refusal = {
      code: 420 as const,
      why: 'unknown-attribute' as const,
      detail,
      unknown: [DONT_FRAGMENT.type],
    }
    return reject(reply, refusal, config, state.counters)
  }

  const ticket = get(message, MOBILITY_TICKET)
  if (ticket) {
    if (!config.mobility) return refuse(state, request, 405, 'unsupported', 'protocol.mobility')
    if (ticket.length > 0) return bad('MOBILITY-TICKET with a value')
  }

  const token = get(message, RESERVATION_TOKEN)
  const evenPort = get(message, EVEN_PORT)
  const family = get(message, REQUESTED_ADDRESS_FAMILY)
  const additional = get(message, ADDITIONAL_ADDRESS_FAMILY) ?? get(message, DRAFT_ADDITIONAL_ADDRESS_FAMILY)
  let reservation: Reservation | undefined
  if (token) {
    if (evenPort !== undefined) return bad('RESERVATION-TOKEN with EVEN-PORT')
    if (family !== undefined) return bad('RESERVATION-TOKEN with REQUESTED-ADDRESS-FAMILY')
    if (additional !== undefined) return bad('RESERVATION-TOKEN with ADDITIONAL-ADDRESS-FAMILY')
    reservation = book.reservations.get(token.toString('latin1'))
    if (reservation ? reservation.expires <= now : !state.environment.siblings?.mayReserve(token)) {
      return refuse(
        state,
        request,
        508,
        'capacity',
        'the reservation token is unknown or used',
        'reservation',
      )
    }
  }

  if (family !== undefined && additional !== undefined) {
    return bad('REQUESTED-ADDRESS-FAMILY with ADDITIONAL-ADDRESS-FAMILY')
  }
  const wanted = reservation ? reservation.relay.family : primaryFamily(state, request, family)
  if (wanted === undefined || (additional === undefined && !token && !config.families.includes(wanted))) {
    return refuse(state, request, 440, 'unsupported', `address family ${family ?? wanted ?? 'unknown'}`)
  }

  if (evenPort && additional !== undefined) return bad('a reservation with ADDITIONAL-ADDRESS-FAMILY')
  if (additional !== undefined && additional !== IPV6) return bad('ADDITIONAL-ADDRESS-FAMILY is not IPv6')

  const full = noMemory(state)
  if (full) return refuse(state, request, 508, 'capacity', full.detail, full.cause)

  const families =
    additional === undefined ? [wanted] : ([4, 6] as const).filter(f => config.families.includes(f))
  const absent = ([4, 6] as const).find(f => additional !== undefined && !config.families.includes(f))
  const allocation = begin(state, request, absent && { family: absent, code: 440 })
  const claim: Claim = {
    allocation: allocation.id,
    owner: request.identity.owner,
    client: reply.to,
    families,
    port: evenPort === undefined ? 'any' : evenPort ? 'pair' : 'even',
    ...(reservation ? { reserved: reservation } : token ? { token: Uint8Array.from(token) } : {}),
  }
  if (token && reservation) book.reservations.delete(token.toString('latin1'))
  return [{ kind: 'open', claim }]
}

/** The world has the relay sockets: completes the allocation and answers. */
export function opened(state: RelayState, input: Opened, now: Time): Command[] {
  const { book } = state
  const opening = book.byId.get(input.allocation)
  if (!opening) return []
  if (opening.state !== 'opening') {
    const orphans = input.reserved ? [...input.relays, input.reserved] : input.relays
    const closed = orphans
      .filter(relay => !isShared(state.config, relay))
      .map(relay => ({ kind: 'close' as const, socket: relay.socket }))
    return [...closed, ...end(state, opening, 'hangup', now)]
  }

  const due = after(now, opening.firstLifetime)
  const legs = input.relays.map(relay => ({
    relay,
    lifetime: book.lifetimes.open(due),
    linked: undefined,
  }))
  const meters = state.buckets.take(opening.identity.owner, now)
  const token = input.reserved ? reserve(state, opening, input.reserved, now) : input.token
  const writer = writeSuccess(state, opening, legs, opening.lacking ?? input.failed, token)
  const command = answer(opening.replyTo, writer)

  const allocation = complete(opening, { legs, due, meters, answered: command.bytes })
  book.add(allocation)
  for (const leg of legs) book.lead(allocation, leg, isShared(state.config, leg.relay))
  noteChange(state, allocation)
  const relayed = legs.map(leg => leg.relay.address)
  const withdrawn = relayed.flatMap(address => unrouteHost(state, address))
  const { id, identity, client } = allocation
  const event = {
    kind: 'opened' as const,
    at: now,
    allocation: id,
    owner: identity.owner,
    client: client.address,
    via: client.via,
    relayed,
  }
  return [...withdrawn, command, { kind: 'tell', event }]
}

/** The world has no relay socket for the claim, or a quota stands against it. */
export function refused(state: RelayState, input: Refused): Command[] {
  const allocation = state.book.byId.get(input.allocation)
  if (!allocation) return []
  state.book.remove(allocation)
  if (allocation.state === 'aborted') return []
  const why = input.tooFast ? 'allocation-rate' : input.code === 486 ? 'quota' : 'capacity'
  return reject(
    allocation.replyTo,
    { code: input.code, why, detail: input.why, cause: input.cause },
    state.config,
    state.counters,
  )
}

/** An Allocate on a 5-tuple that has an allocation: the same request again, or a mismatch. */
function again(state: RelayState, request: Request, existing: Allocation): Command[] {
  const same = existing.replyTo.transaction.equals(request.reply.transaction)
  if (!same) return refuse(state, request, 437, 'mismatch', 'the 5-tuple has an allocation')
  // While the relay sockets are being bound, the answer to the first is the answer to all.
  if (existing.state !== 'open') return []
  return [{ kind: 'send', socket: request.reply.socket, to: request.reply.to, bytes: existing.answered }]
}

/** The family that REQUESTED-ADDRESS-FAMILY, or its absence, asks for; undefined for none that exists. */
function primaryFamily(state: RelayState, request: Request, family: number | undefined): Family | undefined {
  if (family === IPV4) return 4
  if (family === IPV6) return 6
  if (family !== undefined) return undefined
  return state.config.defaultFamily === 'listener' ? request.reply.to.family : 4
}

/** An allocation without relay sockets, which already holds its 5-tuple. */
function begin(state: RelayState, request: Request, lacking: FailedFamily | undefined): OpeningAllocation {
  const { reply, identity, message } = request
  const allocation: OpeningAllocation = {
    id: state.book.newId(),
    row: state.book.newRow(),
    client: { socket: reply.socket, address: reply.to, via: reply.via },
    mobility: has(message, MOBILITY_TICKET)
      ? { latest: 1, oldest: 1, arrival: undefined, answered: undefined }
      : undefined,
    identity,
    user: state.book.users.join(identity.owner),
    since: reply.at,
    state: 'opening',
    firstLifetime: grant(state, get(message, LIFETIME)) as Seconds,
    replyTo: reply,
    lacking,
  }
  state.book.add(allocation)
  return allocation
}

/** The allocation that an opening one becomes. */
function complete(
  opening: OpeningAllocation,
  had: Pick<OpenAllocation, 'legs' | 'due' | 'meters' | 'answered'>,
): OpenAllocation {
  return {
    id: opening.id,
    row: opening.row,
    client: opening.client,
    mobility: opening.mobility,
    identity: opening.identity,
    user: opening.user,
    since: opening.since,
    state: 'open',
    firstLifetime: opening.firstLifetime,
    replyTo: opening.replyTo,
    answered: had.answered,
    lacking: opening.lacking,
    legs: had.legs,
    due: had.due,
    permissions: emptyList(),
    peers: emptyList(),
    channels: 0,
    meters: had.meters,
    permitted: 0,
    dropped: 0,
    traffic: noTraffic(),
  }
}

/** Keeps the odd port for the client that brings the token (RFC 8656 §7.2). */
function reserve(
  state: RelayState,
  allocation: OpeningAllocation,
  relay: Reservation['relay'],
  now: Time,
): Buffer {
  const token = Buffer.alloc(8)
  state.environment.random(token)
  const { owner } = allocation.identity
  const client = allocation.client.address
  const expires = after(now, RESERVATION_LIFETIME)
  state.book.reservations.set(token.toString('latin1'), { relay, owner, client, expires })
  return token
}

function writeSuccess(
  state: RelayState,
  allocation: OpeningAllocation,
  legs: readonly Leg[],
  failed: FailedFamily | undefined,
  token: Buffer | undefined,
) {
  const { config } = state
  const writer = success(allocation.replyTo)
  for (const leg of legs) writer.set(XOR_RELAYED_ADDRESS, leg.relay.address)
  writer.set(LIFETIME, allocation.firstLifetime).set(XOR_MAPPED_ADDRESS, allocation.client.address)
  if (token) writer.set(RESERVATION_TOKEN, token)
  if (allocation.mobility) {
    const ticket = { allocation: allocation.id, number: allocation.mobility.latest }
    writer.set(MOBILITY_TICKET, state.tickets.seal(ticket))
  }
  if (failed) {
    const reason = config.reasonPhrases ? reasonPhrase(failed.code) : ''
    writer.set(ADDRESS_ERROR_CODE, { family: familyCode(failed.family), code: failed.code, reason })
  }
  if (config.software) writer.set(SOFTWARE, config.software)
  return writer
}

/** While draining: 300 with the other server where one of the client's family is known, else 508. */
function redirect(state: RelayState, request: Request): Command[] {
  const { alternate } = state.config
  const { reply } = request
  const first = alternate?.addresses.find(address => address.family === reply.to.family)
  if (!alternate || !first) return refuse(state, request, 508, 'draining', 'no new allocations: draining')
  const writer = errorReply(reply, 300, state.config).set(ALTERNATE_SERVER, first)
  const second = alternate.addresses.find(address => address.family !== reply.to.family)
  if (second) writer.set(ALTERNATE_SERVER, second)
  const secured = reply.via === 'tls' || reply.via === 'dtls'
  if (alternate.domain !== undefined && secured && reply.signature?.kind === 'sha256') {
    writer.set(ALTERNATE_DOMAIN, alternate.domain)
  }
  const refusal = { code: 300, why: 'draining', detail: 'sent to the alternate server' } as const
  return [answer(reply, writer), rejected(reply, refusal, state.counters)]
}
