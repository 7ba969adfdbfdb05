import { noTraffic } from '../base/route.ts'
import type { Time } from '../base/time.ts'
import type { Allocation, Leg, OpenAllocation } from './allocation.ts'
import type { Command } from './command.ts'
import type { CloseReason } from './event.ts'
import { unhost } from './mobility/tuples.ts'
import { removePermission } from './peers/room.ts'
import { dismiss, withdraw } from './peers/routes.ts'
import type { RelayState } from './relay-state.ts'
import { noteChange } from './snapshot/noting.ts'

/** Why an allocation ends here; one that was handed over goes on elsewhere. */
type Ending = CloseReason | 'handed-over'

/** Ends an allocation: routes, relay sockets, permissions and channels go with it (RFC 8656 §6). */
export function close(state: RelayState, allocation: Allocation, reason: Ending, now: Time): Command[] {
  const { book } = state
  if (allocation.state === 'opening' || allocation.state === 'aborted') {
    // The claim is still with the world; its answer ends the allocation.
    allocation.state = 'aborted'
    book.leave(allocation)
    return []
  }
  return end(state, allocation, reason, now)
}

/** The same once the world has answered: for an allocation that is open, or that was given up while it opened. */
export function end(state: RelayState, allocation: Allocation, reason: Ending, now: Time): Command[] {
  const { book } = state
  const open = allocation.state === 'open' ? allocation : undefined
  const legs = open?.legs ?? []
  const commands = open ? legs.flatMap(leg => closeLeg(state, open, leg, now)) : []
  commands.push(...unhost(allocation))
  if (open) {
    open.legs = []
    open.state = 'closed'
    state.buckets.give(open.meters)
  }
  book.remove(allocation)
  state.journal?.ended(allocation.id)
  if (reason === 'handed-over') return commands
  const event = {
    kind: 'closed' as const,
    at: now,
    allocation: allocation.id,
    owner: allocation.identity.owner,
    client: allocation.client.address,
    via: allocation.client.via,
    relayed: legs.map(leg => leg.relay.address),
    reason,
    since: allocation.since,
    traffic: open?.traffic ?? noTraffic(),
    peers: open?.permitted ?? 0,
  }
  commands.push({ kind: 'tell', event })
  return commands
}

/** Gives some of the relayed addresses of an allocation back that keeps others. */
export function closeLegs(
  state: RelayState,
  allocation: OpenAllocation,
  legs: readonly Leg[],
  now: Time,
): Command[] {
  allocation.legs = allocation.legs.filter(leg => !legs.includes(leg))
  const commands = legs.flatMap(leg => closeLeg(state, allocation, leg, now))
  noteChange(state, allocation)
  return commands
}

/** Gives one relayed address back, and all that hangs on its family. */
function closeLeg(state: RelayState, allocation: OpenAllocation, leg: Leg, now: Time): Command[] {
  const { book } = state
  const { family, socket, address } = leg.relay
  const port = book.sharedPorts.get(socket)
  const commands: Command[] = []
  for (const route of leg.linked ?? []) {
    const owner = book.inRow(book.peers.allocation(route))
    if (owner) commands.push(...withdraw(state, owner, route))
  }
  for (const row of book.peers.of(allocation.peers)) {
    if (book.peers.family(row) === family) commands.push(...dismiss(state, allocation, row))
  }
  for (const row of book.permissions.of(allocation.permissions)) {
    if (book.permissions.family(row) === family) removePermission(book, allocation, row, port)
  }
  book.lifetimes.close(leg.lifetime)
  if (port) {
    port.leave(allocation, now)
    return commands
  }
  book.bySocket.delete(socket)
  book.byRelayed.delete(address.key)
  commands.push({ kind: 'close', socket })
  return commands
}
