import type { Time } from '../base/time.ts'
import { type Allocation, type Half, unbind } from './allocation.ts'
import type { Command } from './command.ts'
import type { Context } from './context.ts'
import type { CloseReason } from './event.ts'
import { unroute } from './routes.ts'

/** Ends an allocation: routes, relay sockets, permissions and channels go with it (RFC 8656 §6). */
export function close(context: Context, allocation: Allocation, reason: CloseReason, now: Time): Command[] {
  const { book } = context
  if (allocation.state === 'opening' || allocation.state === 'aborted') {
    // The claim is still with the world; its answer ends the allocation.
    allocation.state = 'aborted'
    book.leave(allocation)
    return []
  }
  return end(context, allocation, reason, now)
}

/** The same once the world has answered: for an allocation that is open, or that was given up while it opened. */
export function end(context: Context, allocation: Allocation, reason: CloseReason, now: Time): Command[] {
  const { book } = context
  const relayed = allocation.halves.map(half => half.relay.address)
  const commands = allocation.halves.flatMap(half => closeHalf(context, allocation, half))
  allocation.halves = []
  allocation.state = 'closed'
  const meters = book.meters.get(allocation.id)
  if (meters) context.buckets.give(meters)
  book.remove(allocation)
  const event = {
    kind: 'closed' as const,
    at: now,
    allocation: allocation.id,
    owner: allocation.identity.owner,
    client: allocation.client.address,
    via: allocation.client.via,
    relayed,
    reason,
    since: allocation.since,
    traffic: allocation.traffic,
    peers: allocation.peers,
  }
  commands.push({ kind: 'tell', event })
  return commands
}

/** Gives one relayed address back, and all that hangs on its family. */
export function closeHalf(context: Context, allocation: Allocation, half: Half): Command[] {
  const { book } = context
  const { family, socket, address } = half.relay
  const commands: Command[] = []
  for (const entry of [...half.linked]) commands.push(...unroute(context, entry))
  for (const entry of [...allocation.routes.values()]) {
    if (entry.route.relay === socket) commands.push(...unroute(context, entry))
  }
  for (const channel of allocation.channels.values()) {
    if (channel.peer.family === family) unbind(allocation, channel)
  }
  for (const [key, permission] of allocation.permissions) {
    if (permission.ip.length === (family === 4 ? 4 : 16)) allocation.permissions.delete(key)
  }
  book.bySocket.delete(socket)
  book.byRelayed.delete(address.key)
  commands.push({ kind: 'close', socket })
  return commands
}
