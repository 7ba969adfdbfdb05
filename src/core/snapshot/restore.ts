import { emptyList } from '../../base/row-store.ts'
import type { Time } from '../../base/time.ts'
import type { Allocation, Leg } from '../allocation.ts'
import type { Command } from '../command.ts'
import type { RelayState } from '../relay-state.ts'
import { NO_ROUTE, ROUTED } from '../peers/peers.ts'
import { addPermission, countChannel } from '../peers/room.ts'
import { noteHost, routeOf, setLink } from '../peers/routes.ts'
import type { AllocationRecord, SnapshotPart } from './parts.ts'

/** Takes over one part of another relay's state; the relay is fresh and hears nothing else meanwhile. */
export function restorePart(state: RelayState, part: SnapshotPart, now: Time): Command[] {
  const { book, buckets, scans, stores } = state
  switch (part.kind) {
    case 'base': {
      const { draining, lastId, nonceKey } = part.value
      state.draining = draining
      book.lastId = lastId
      state.unconfigured = new Set(part.value.unconfigured)
      state.withheldUntil = part.value.withheldUntil
      nonceKey.copy(stores.nonces.key)
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
    case 'allocations':
      return part.value.flatMap(saved => restoreAllocation(state, saved, now))
    case 'links':
      for (const saved of part.value) restoreLinks(state, saved)
      return []
    case 'complete':
      buckets.importEnded?.()
      return []
  }
}

/** Makes an allocation of its record. Its routes are for forwarders that have none. */
function restoreAllocation(state: RelayState, saved: AllocationRecord, now: Time): Command[] {
  const { book, buckets } = state
  const { lifetimes } = book
  const { legs, permissions, peers, traffic } = saved
  const allocation: Allocation = {
    id: saved.id,
    row: book.newRow(),
    client: saved.client,
    identity: saved.identity,
    user: book.users.join(saved.identity.owner),
    since: saved.since,
    state: saved.state,
    firstLifetime: saved.firstLifetime,
    replyTo: saved.replyTo,
    answered: saved.answered,
    lacking: saved.lacking,
    due: saved.due,
    permitted: saved.permitted,
    dropped: saved.dropped,
    legs: legs.map(
      ({ relay, expires }): Leg => ({ relay, lifetime: lifetimes.open(expires), linked: new Set() }),
    ),
    permissions: emptyList(),
    peers: emptyList(),
    channels: 0,
    meters: undefined,
    traffic: { toPeer: { ...traffic.toPeer }, toClient: { ...traffic.toClient } },
  }
  book.add(allocation)
  if (allocation.state === 'aborted') book.leave(allocation)
  for (const leg of allocation.legs) {
    book.bySocket.set(leg.relay.socket, { allocation, leg })
    book.byRelayed.set(leg.relay.address.key, { allocation, leg })
  }
  if (allocation.state === 'open') allocation.meters = buckets.take(allocation.identity.owner, now)
  for (const { ip, expires } of permissions) {
    addPermission(book, allocation, ip, expires)
  }
  return peers.flatMap(peer => restorePeer(state, allocation, peer))
}

function restorePeer(
  state: RelayState,
  allocation: Allocation,
  { peer, channel, expires, isRouted, local, wire }: AllocationRecord['peers'][number],
): Command[] {
  const { book } = state
  const { permissions, peers, lifetimes } = book
  const leg = allocation.legs.find(({ relay }) => relay.family === peer.family)
  const permission = permissions.find(allocation.row, peer.ip)
  if (!leg || (channel === 0 && permission < 0)) return []
  const row = peers.add(allocation.peers, allocation.row, peer)
  const lifetime = channel === 0 ? permissions.lifetime(permission) : lifetimes.open(expires)
  if (channel !== 0) {
    peers.setChannel(row, channel)
    countChannel(book, allocation, 1)
  }
  peers.setLifetime(row, lifetime, isRouted ? ROUTED : NO_ROUTE)
  if (!isRouted) return []
  if (wire) setLink(state, row, { wire })
  noteHost(state, row, peer)
  const route = routeOf(state, allocation, row, leg, { local, wire })
  return [{ kind: 'route', allocation: allocation.id, route }]
}

/** Ties the routes that lead to an allocation to it, once all allocations are there. */
function restoreLinks(state: RelayState, saved: AllocationRecord): void {
  const { byId, peers } = state.book
  const allocation = byId.get(saved.id)
  for (const [i, { linked }] of saved.legs.entries()) {
    const leg = allocation?.legs[i]
    if (!leg) continue
    for (const { allocation: from, peer } of linked) {
      const owner = byId.get(from)
      const row = owner && peers.find(owner.row, peer)
      if (row !== undefined) setLink(state, row, { leg })
    }
  }
}
