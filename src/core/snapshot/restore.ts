import type { AllocationId } from '../../base/ids.ts'
import { emptyList } from '../../base/row-store.ts'
import type { Time } from '../../base/time.ts'
import { Method } from '../../wire/message.ts'
import type { Leg, OpenAllocation, OpeningAllocation } from '../allocation.ts'
import { end } from '../close.ts'
import type { Command } from '../command.ts'
import { doubtInterests, restoreLeft, restoreMember } from '../one-port/saved.ts'
import { NO_ROUTE, ROUTED } from '../peers/peers.ts'
import { addPermission, countChannel } from '../peers/room.ts'
import { noteHost, routeOf, setLink } from '../peers/routes.ts'
import { isShared } from '../relay-socket.ts'
import type { RelayState } from '../relay-state.ts'
import type { SignedReplyTo } from '../reply.ts'
import type { AllocationRecord, SnapshotPart } from './parts.ts'

/**
 * Takes over one part of another relay's state; the relay is fresh and hears nothing else meanwhile. Or a part of what
 * has changed there since, where it has the other's state already.
 */
export function restorePart(state: RelayState, part: SnapshotPart, now: Time): Command[] {
  const { book, buckets, scans, stores } = state
  switch (part.kind) {
    case 'base': {
      const { draining, lastId, nonceKey, ticketKey } = part.value
      state.draining = draining
      book.lastId = lastId
      state.unconfigured = new Set(part.value.unconfigured)
      state.withheldUntil = part.value.withheldUntil
      nonceKey.copy(stores.nonces.key)
      ticketKey.copy(stores.tickets.key)
      stores.strangers.import(part.value)
      return []
    }
    case 'table': {
      const { of, size, from, bytes } = part.value
      const octets = stores[of]?.octets
      // One of another size is from another version; it begins afresh.
      if (octets?.length === size && from + bytes.length <= size) octets.set(bytes, from)
      return []
    }
    case 'buckets':
      buckets.import?.(part.value, now)
      return []
    case 'scans':
      scans.import(part.value)
      return []
    case 'reservations':
      for (const { token, ...reservation } of part.value) book.reservations.set(token, reservation)
      return []
    case 'remembered':
      for (const answer of part.value) book.recall(answer)
      return []
    case 'allocations': {
      const commands: Command[] = []
      for (const saved of part.value) restoreAllocation(state, saved, now, commands)
      return commands
    }
    case 'gone':
      return forget(state, part.value, now)
    case 'figures':
      for (const figures of part.value) restoreFigures(state, figures)
      return []
    case 'members':
      for (const saved of part.value) restoreMember(book, saved)
      return []
    case 'left-contacts':
      for (const saved of part.value) restoreLeft(book, saved)
      return []
    case 'links':
      for (const saved of part.value) restoreLinks(state, saved)
      return []
    case 'complete':
      buckets.importEnded?.()
      doubtInterests(book.sharedPorts.values(), now)
      return []
  }
}

/** Begins to restore a difference: what it has as a whole is forgotten. Nobody hears of it, and sockets stay open. */
function forget(state: RelayState, gone: readonly AllocationId[], now: Time): Command[] {
  const { book, scans } = state
  book.reservations.clear()
  book.forgetAll()
  scans.forgetAll()
  for (const port of book.sharedPorts.values()) port.forgetAll()
  const commands: Command[] = []
  for (const id of gone) {
    const allocation = book.byId.get(id)
    if (!allocation) continue
    if (allocation.state === 'opening') book.leave(allocation)
    for (const command of end(state, allocation, 'handed-over', now))
      if (command.kind === 'unroute') commands.push(command)
  }
  return commands
}

/** Figures as they are by now; allocations come into the order in which they are told. */
function restoreFigures(
  { book: { byId } }: RelayState,
  { id, dropped, traffic }: Pick<OpenAllocation, 'id' | 'dropped' | 'traffic'>,
): void {
  const allocation = byId.get(id)
  if (!allocation) return
  byId.delete(id)
  byId.set(id, allocation)
  if (allocation.state !== 'open') return
  allocation.dropped = dropped
  Object.assign(allocation.traffic.toPeer, traffic.toPeer)
  Object.assign(allocation.traffic.toClient, traffic.toClient)
}

/** Makes an allocation of its record. Its routes are for forwarders that have none. */
function restoreAllocation(state: RelayState, saved: AllocationRecord, now: Time, commands: Command[]): void {
  const { book, buckets } = state
  state.journal?.serving(saved.id)
  const { lifetimes } = book
  const row = book.newRow()
  const user = book.users.join(saved.identity.owner)
  const { id, client, identity, since, firstLifetime, request, lacking, answered } = saved
  const replyTo: SignedReplyTo = {
    socket: client.socket,
    to: client.address,
    via: client.via,
    method: Method.Allocate,
    transaction: request.transaction,
    fingerprint: request.fingerprint,
    at: since,
    signature: { kind: request.signature, key: identity.key },
    owner: identity.owner,
    // As a rule it is the same text: one of them is kept.
    username: request.username === identity.username ? identity.username : request.username,
  }
  const mobility = saved.mobility && { ...saved.mobility }
  if (saved.state !== 'open' || answered === undefined) {
    const opening: OpeningAllocation = {
      id,
      row,
      client,
      mobility,
      identity,
      user,
      since,
      state: saved.state === 'aborted' ? 'aborted' : 'opening',
      firstLifetime,
      replyTo,
      lacking,
    }
    book.add(opening)
    if (opening.state === 'aborted') book.leave(opening)
    return
  }
  const { legs, permissions, peers, traffic } = saved
  const allocation: OpenAllocation = {
    id,
    row,
    client,
    mobility,
    identity,
    user,
    since,
    state: 'open',
    firstLifetime,
    replyTo,
    answered,
    lacking,
    legs: legs.map(
      ({ relay, expires }): Leg => ({ relay, lifetime: lifetimes.open(expires), linked: undefined }),
    ),
    due: saved.due,
    permissions: emptyList(),
    peers: emptyList(),
    channels: 0,
    meters: buckets.take(identity.owner, now),
    permitted: saved.permitted,
    dropped: saved.dropped,
    traffic: {
      toPeer: { packets: traffic.toPeer.packets, bytes: traffic.toPeer.bytes },
      toClient: { packets: traffic.toClient.packets, bytes: traffic.toClient.bytes },
    },
  }
  book.add(allocation)
  for (const leg of allocation.legs) book.lead(allocation, leg, isShared(state.config, leg.relay))
  for (const { ip, expires } of permissions) addPermission(book, allocation, ip, expires)
  for (const peer of peers) restorePeer(state, allocation, peer, commands)
  state.journal?.whole(saved)
}

function restorePeer(
  state: RelayState,
  allocation: OpenAllocation,
  { peer, channel, expires, isRouted, local, wire }: AllocationRecord['peers'][number],
  commands: Command[],
): void {
  const { book } = state
  const { permissions, peers, lifetimes } = book
  const leg = allocation.legs.find(({ relay }) => relay.family === peer.family)
  const permission = permissions.find(allocation.row, peer.ip)
  if (!leg || (channel === 0 && permission < 0)) return
  const row = peers.add(allocation.peers, allocation.row, peer)
  const lifetime = channel === 0 ? permissions.lifetime(permission) : lifetimes.open(expires)
  if (channel !== 0) {
    peers.setChannel(row, channel)
    countChannel(book, allocation, 1)
  }
  peers.setLifetime(row, lifetime, isRouted ? ROUTED : NO_ROUTE)
  if (!isRouted) return
  if (wire) setLink(state, row, { wire })
  noteHost(state, row, peer)
  const route = routeOf(state, allocation, row, peer, leg, { local, wire })
  commands.push({ kind: 'route', allocation: allocation.id, route })
}

/** Ties the routes that lead to an allocation to it, once all allocations are there. */
function restoreLinks(state: RelayState, saved: AllocationRecord): void {
  const { byId, peers } = state.book
  const allocation = byId.get(saved.id)
  for (const [i, { linked }] of saved.legs.entries()) {
    const leg = allocation?.state === 'open' ? allocation.legs[i] : undefined
    if (!leg) continue
    for (const { allocation: from, peer } of linked) {
      const owner = byId.get(from)
      const row = owner && peers.find(owner.row, peer)
      if (row !== undefined) setLink(state, row, { leg })
    }
  }
}
