import { succeeded } from '../../base/result.ts'
import { after, type Seconds, type Time } from '../../base/time.ts'
import { familyCode } from '../../wire/address-shapes.ts'
import { LIFETIME, MOBILITY_TICKET, REQUESTED_ADDRESS_FAMILY, SOFTWARE } from '../../wire/attributes.ts'
import { get } from '../../wire/message.ts'
import type { Leg, OpenAllocation } from '../allocation.ts'
import { close, closeLegs } from '../close.ts'
import type { Command } from '../command.ts'
import { arrive } from '../mobility/moves.ts'
import type { RelayState } from '../relay-state.ts'
import { answer, success } from '../reply.ts'
import { noteChange } from '../snapshot/noting.ts'
import { allocationOf, grant, type Request, refuse } from './request.ts'
import { type Resumed, resumed } from './resume.ts'

/**
 * Answers an authenticated Refresh request (RFC 8656 §8.2). With
 * REQUESTED-ADDRESS-FAMILY it acts on that family of a dual allocation only.
 * With MOBILITY-TICKET it comes from another 5-tuple than the allocation's,
 * where the client goes on (RFC 8016 §3.2.2).
 */
export function refresh(state: RelayState, request: Request): Command[] {
  const { message, reply } = request
  const now = reply.at
  const repeated = state.book.remembered(reply.socket, reply.to, reply.transaction, now)
  if (repeated) return [{ kind: 'send', socket: reply.socket, to: reply.to, bytes: repeated }]

  const ticket = get(message, MOBILITY_TICKET)
  const moving = ticket ? resumed(state, request, ticket) : undefined
  const found = moving
    ? moving.ok
      ? succeeded(moving.value.allocation)
      : moving
    : allocationOf(state, request)
  if (!found.ok) return found.error
  const allocation = found.value
  const family = get(message, REQUESTED_ADDRESS_FAMILY)
  const legs = allocation.legs.filter(
    ({ relay }) => family === undefined || familyCode(relay.family) === family,
  )
  if (legs.length === 0)
    return refuse(state, request, 443, 'mismatch', `no relayed address of family ${family}`)

  const asked = get(message, LIFETIME)
  if (asked === 0) return release(state, request, allocation, legs)
  return prolong(state, request, allocation, legs, {
    granted: grant(state, asked) as Seconds,
    move: moving?.ok ? moving.value : undefined,
  })
}

/** Ends relayed addresses, and the allocation with the last of them. */
function release(
  state: RelayState,
  request: Request,
  allocation: OpenAllocation,
  legs: readonly Leg[],
): Command[] {
  const { reply } = request
  const command = answer(reply, writeSuccess(state, request, 0 as Seconds))
  state.book.remember(reply.socket, reply.to, reply.transaction, command.bytes, reply.at)
  if (legs.length === allocation.legs.length)
    return [command, ...close(state, allocation, 'released', reply.at)]
  return [command, ...closeLegs(state, allocation, legs, reply.at)]
}

/** Gives relayed addresses more time, and lets the client go on from where it asks, if it has a ticket. */
function prolong(
  state: RelayState,
  request: Request,
  allocation: OpenAllocation,
  legs: readonly Leg[],
  { granted, move }: { readonly granted: Seconds; readonly move: Resumed | undefined },
): Command[] {
  const { reply } = request
  const until = after(reply.at, granted)
  for (const leg of legs) state.book.lifetimes.set(leg.lifetime, until)
  allocation.due = Math.min(allocation.due, until) as Time
  const writer = writeSuccess(state, request, granted)
  if (!move) {
    noteChange(state, allocation, journal => journal.prolonged(allocation.id, expiriesOf(state, allocation)))
    return [answer(reply, writer)]
  }

  const { mobility, client } = move
  mobility.latest++
  writer.set(MOBILITY_TICKET, state.tickets.seal({ allocation: allocation.id, number: mobility.latest }))
  const command = answer(reply, writer)
  mobility.answered = { client, transaction: reply.transaction, bytes: command.bytes }
  // What the move makes is for the 5-tuple that the answer goes to.
  const arrived = arrive(state, allocation, client, reply.at)
  noteChange(state, allocation)
  return [...arrived, command]
}

function expiriesOf({ book }: RelayState, { legs }: OpenAllocation): Time[] {
  return legs.map(({ lifetime }) => book.lifetimes.until(lifetime))
}

function writeSuccess({ config }: RelayState, { reply }: Request, granted: Seconds) {
  const writer = success(reply).set(LIFETIME, granted)
  if (config.software) writer.set(SOFTWARE, config.software)
  return writer
}
