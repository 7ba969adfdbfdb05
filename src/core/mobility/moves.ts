import type { ClientAddress } from '../../base/address.ts'
import { Counter } from '../../base/counters.ts'
import { type FiveTuple, NOWHERE } from '../../base/five-tuple.ts'
import type { SocketId } from '../../base/ids.ts'
import { after, type Time } from '../../base/time.ts'
import type { Allocation, Arrival, OpenAllocation } from '../allocation.ts'
import { close } from '../close.ts'
import type { Command } from '../command.ts'
import { NO_ROUTE } from '../peers/peers.ts'
import { withdraw } from '../peers/routes.ts'
import type { RelayState } from '../relay-state.ts'
import { noteChange, noteWhole } from '../snapshot/noting.ts'
import { isAt, isAway, leftBy } from './tuples.ts'

/*
 * How a client goes from one 5-tuple to another (RFC 8016 §3.2.2). It arrives
 * with a Refresh and its ticket; both 5-tuples are the allocation's then, and
 * what peers send goes on the old one. With the first ChannelData or Send
 * indication on the new one it has moved. A client whose connection ends
 * without that is away, and comes back with its ticket.
 */

/**
 * Seconds after which an arrival that nothing came of is given up: a Refresh
 * may be sent again for 39.5 (RFC 8489 §6.2.1).
 */
export const ARRIVAL_LIFETIME = 40
/** Seconds that an allocation waits at most for a client whose connection is gone. */
export const AWAY_LIFETIME = 60

/** Lets the client of an allocation go on from another 5-tuple, once it speaks there. */
export function arrive(
  state: RelayState,
  allocation: OpenAllocation,
  client: FiveTuple,
  now: Time,
): Command[] {
  const { mobility } = allocation
  if (!mobility) return []
  const commands = giveUpArrival(state, allocation)
  const arrival: Arrival = { client, ticket: mobility.latest, until: after(now, ARRIVAL_LIFETIME) }
  mobility.arrival = arrival
  state.book.enter(allocation, client)
  allocation.due = Math.min(allocation.due, arrival.until) as Time
  commands.push({ kind: 'host', client, on: true })
  // There is nothing to wait for where the old path has gone already.
  return isAway(allocation) ? [...commands, ...move(state, allocation, arrival, now)] : commands
}

/**
 * Takes note that a client sends to a peer, by which it moves if it had only
 * arrived where it sends from. `undefined` where its arrival is over.
 */
export function speak(
  state: RelayState,
  allocation: OpenAllocation,
  socket: SocketId,
  from: ClientAddress,
  now: Time,
): Command[] | undefined {
  const { mobility } = allocation
  const arrival = mobility?.arrival
  if (!arrival || !isAt(arrival.client, socket, from)) return []
  if (arrival.until <= now) return undefined
  // It would not send before it had the answer, and with that the next ticket.
  mobility.oldest = arrival.ticket
  return move(state, allocation, arrival, now)
}

/** A stream connection has ended, on which the client of an allocation was, or had arrived. */
export function hungUp(state: RelayState, allocation: Allocation, socket: SocketId, now: Time): Command[] {
  const { mobility } = allocation
  const arrival = mobility?.arrival
  if (arrival?.client.socket === socket) return giveUpArrival(state, allocation)
  if (!mobility || allocation.state !== 'open') return close(state, allocation, 'hangup', now)
  if (arrival && arrival.until > now) return move(state, allocation, arrival, now)
  return goAway(state, allocation, now)
}

/** Gives up an arrival whose time is over. */
export function lapseArrival(state: RelayState, allocation: OpenAllocation, now: Time): Command[] {
  const arrival = allocation.mobility?.arrival
  return arrival && arrival.until <= now ? giveUpArrival(state, allocation) : []
}

function giveUpArrival(state: RelayState, allocation: Allocation): Command[] {
  const { book } = state
  const { mobility } = allocation
  const arrival = mobility?.arrival
  if (!arrival) return []
  mobility.arrival = undefined
  book.leave(allocation, arrival.client)
  noteWhole(state, allocation)
  return [leftBy(arrival.client)]
}

/**
 * Makes the 5-tuple that the client has arrived on the only one. Routes are
 * withdrawn, and the next datagram on each makes it anew: of the channels that
 * an allocation may have, a call uses a few.
 */
function move(state: RelayState, allocation: OpenAllocation, { client }: Arrival, now: Time): Command[] {
  const { book, counters } = state
  const before = allocation.client
  book.leave(allocation)
  allocation.client = client
  if (allocation.mobility) allocation.mobility.arrival = undefined
  const commands: Command[] = before.socket === NOWHERE ? [] : [leftBy(before)]
  for (const row of book.peers.of(allocation.peers)) {
    if (book.peers.route(row) !== NO_ROUTE) commands.push(...withdraw(state, allocation, row))
  }
  noteChange(state, allocation)
  counters.add(Counter.roamed)
  commands.push({
    kind: 'tell',
    event: {
      kind: 'roamed',
      at: now,
      allocation: allocation.id,
      client: client.address,
      via: client.via,
      before: { client: before.address, via: before.via },
    },
  })
  return commands
}

/** Keeps an allocation whose client has lost its connection for as long as it may take to come back. */
function goAway(state: RelayState, allocation: OpenAllocation, now: Time): Command[] {
  const { book } = state
  const { client, legs, peers } = allocation
  const commands: Command[] = [leftBy(client)]
  for (const row of book.peers.of(peers)) {
    if (book.peers.route(row) !== NO_ROUTE) commands.push(...withdraw(state, allocation, row))
  }
  book.leave(allocation)
  allocation.client = { ...client, socket: NOWHERE }
  const until = after(now, AWAY_LIFETIME)
  for (const { lifetime } of legs) {
    if (book.lifetimes.until(lifetime) > until) book.lifetimes.set(lifetime, until)
  }
  allocation.due = Math.min(allocation.due, until) as Time
  noteChange(state, allocation)
  return commands
}
