import { ipKey } from '../../base/address.ts'
import type { RouteId } from '../../base/ids.ts'
import type { Route } from '../../base/route.ts'
import type { Time } from '../../base/time.ts'
import type { Allocation, Channel, Half, RouteEntry } from '../allocation.ts'
import type { Command } from '../command.ts'
import type { Context } from '../context.ts'
import type { AllocationRecord, SnapshotPart } from './parts.ts'

/** Takes over one part of another relay's state; the relay is fresh and hears nothing else meanwhile. */
export function restorePart(context: Context, part: SnapshotPart, now: Time): Command[] {
  const { book, buckets, scans, stores } = context
  switch (part.kind) {
    case 'base': {
      const { draining, lastId, nonceKey, debts, proofs } = part.value
      context.draining = draining
      book.lastId = lastId
      context.unconfigured = new Set(part.value.unconfigured)
      context.withheldUntil = part.value.withheldUntil
      nonceKey.copy(stores.nonces.key)
      stores.strangers.import(part.value)
      // Tables of another size are from another version; they begin afresh.
      if (debts && debts.length === stores.debts?.memory.byteLength) stores.debts.restore(debts)
      if (proofs && proofs.length === stores.proofs?.memory.byteLength) stores.proofs.restore(proofs)
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
      return part.value.flatMap(saved => restoreAllocation(context, saved, now))
    case 'links':
      for (const saved of part.value) restoreLinks(context, saved)
      return []
    case 'complete':
      buckets.importEnded?.()
      return []
  }
}

/** Makes an allocation of its record. Its routes are for forwarders that have none. */
function restoreAllocation(context: Context, saved: AllocationRecord, now: Time): Command[] {
  const { book, buckets } = context
  const { halves, permissions, channels, routes, permitted, traffic, lacking, answered, ...rest } = saved
  const allocation: Allocation = {
    ...rest,
    identity: { ...saved.identity },
    asked: { ...saved.asked },
    answered,
    lacking,
    halves: halves.map(({ relay, expires }): Half => ({ relay, expires, linked: new Set() })),
    permissions: new Map(),
    channels: new Map(),
    channelByPeer: new Map(),
    routes: new Map(),
    peers: permitted,
    traffic: { toPeer: { ...traffic.toPeer }, toClient: { ...traffic.toClient } },
  }
  book.add(allocation)
  if (allocation.state === 'aborted') book.leave(allocation)
  for (const { ip, expires } of permissions) allocation.permissions.set(ipKey(ip), { ip, expires })
  for (const { number, peer, expires } of channels) {
    const channel: Channel = { number, peer, expires }
    allocation.channels.set(number, channel)
    allocation.channelByPeer.set(peer.key, channel)
  }
  for (const half of allocation.halves) {
    book.bySocket.set(half.relay.socket, { allocation, half })
    book.byRelayed.set(half.relay.address.key, { allocation, half })
  }
  if (allocation.state !== 'open') return []
  const meters = buckets.take(allocation.identity.owner, now)
  book.meters.set(allocation.id, meters)
  return routes.flatMap(({ peer, channel, expires, local, wire }): Command[] => {
    const half = allocation.halves.find(({ relay }) => relay.family === peer.family)
    if (!half) return []
    const route: Route = {
      id: book.newRoute() as RouteId,
      channel,
      client: allocation.client.address,
      listener: allocation.client.socket,
      via: allocation.client.via,
      relayed: half.relay.address,
      relay: half.relay.socket,
      peer,
      ...(local === undefined ? {} : { local }),
      ...(wire === undefined ? {} : { wire }),
      expires,
      meters,
    }
    const entry: RouteEntry = { allocation, route, link: undefined }
    allocation.routes.set(peer.key, entry)
    return [{ kind: 'route', allocation: allocation.id, route }]
  })
}

/** Ties the routes that lead to an allocation to it, once all allocations are there. */
function restoreLinks({ book }: Context, saved: AllocationRecord): void {
  const allocation = book.byId.get(saved.id)
  for (const [i, { linked }] of saved.halves.entries()) {
    const half = allocation?.halves[i]
    if (!half) continue
    for (const { allocation: from, peer } of linked) {
      const entry = book.byId.get(from)?.routes.get(peer.key)
      if (!entry) continue
      entry.link = half
      half.linked.add(entry)
    }
  }
}
