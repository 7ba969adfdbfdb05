import { type Address, ipKey } from '../base/address.ts'
import { addTraffic, type Route } from '../base/route.ts'
import type { Time } from '../base/time.ts'
import { type Allocation, channelTo, halfFor, permissionFor, type RouteEntry } from './allocation.ts'
import type { Command } from './command.ts'
import type { Context } from './context.ts'
import type { RoutesEnded } from './input.ts'
import { reachOf } from './reach.ts'

/**
 * Routes without a channel that one allocation may hold. A permitted host that
 * sends from ever new ports is relayed all the same, only not by the forwarders.
 */
const PEERS_WITHOUT_CHANNEL = 64

/**
 * Makes, renews or withdraws the route between an allocation and a peer so that
 * it says what the core would do now. Called where that may have changed, and
 * when a datagram took the long way.
 */
export function reroute(context: Context, allocation: Allocation, peer: Address, now: Time): Command[] {
  const wanted = routeFor(context, allocation, peer, now)
  const entry = allocation.routes.get(peer.key)
  if (!wanted) return entry ? unroute(context, entry) : []
  if (entry && sameRoute(entry.route, wanted)) return []
  if (
    !entry &&
    wanted.channel === 0 &&
    allocation.routes.size >= PEERS_WITHOUT_CHANNEL + allocation.channels.size
  ) {
    return []
  }

  const link = wanted.local === undefined ? undefined : context.book.bySocket.get(wanted.local)?.half
  const id = entry?.route.id ?? context.book.newRoute()
  const route: Route = { ...wanted, id }
  if (entry) {
    entry.link?.linked.delete(entry)
    entry.route = route
    entry.link = link
    link?.linked.add(entry)
    note(context, entry)
  } else {
    const added: RouteEntry = { allocation, route, link }
    allocation.routes.set(peer.key, added)
    link?.linked.add(added)
    note(context, added)
  }
  return [{ kind: 'route', allocation: allocation.id, route }]
}

/** Renews every route of the allocation; of one peer IP address only, when given. */
export function rerouteAll(context: Context, allocation: Allocation, now: Time, ip?: Uint8Array): Command[] {
  const commands: Command[] = []
  const only = ip && ipKey(ip)
  for (const { route } of [...allocation.routes.values()]) {
    if (only !== undefined && ipKey(route.peer.ip) !== only) continue
    commands.push(...reroute(context, allocation, route.peer, now))
  }
  return commands
}

/** Notes a route to a port of this machine, which may become a relayed address. */
function note({ environment, book }: Context, entry: RouteEntry): void {
  const { peer } = entry.route
  if (!environment.host?.isRelayed(peer.ip)) return
  const noted = book.toHost.get(peer.key)
  if (noted) noted.add(entry)
  else book.toHost.set(peer.key, new Set([entry]))
}

/** Withdraws routes to an address that has just become one of ours: it is reached inside the process from now on. */
export function unrouteHost(context: Context, relayed: Address): Command[] {
  return [...(context.book.toHost.get(relayed.key) ?? [])].flatMap(entry => unroute(context, entry))
}

/** Withdraws a route. */
export function unroute(context: Context, entry: RouteEntry): Command[] {
  const { allocation, route } = entry
  entry.link?.linked.delete(entry)
  const noted = context.book.toHost.get(route.peer.key)
  if (noted?.delete(entry) && noted.size === 0) context.book.toHost.delete(route.peer.key)
  allocation.routes.delete(route.peer.key)
  context.book.freeRoute(route.id)
  return [{ kind: 'unroute', allocation: allocation.id, route: route.id }]
}

/** Puts what routes have carried that are gone to the account of their allocation. */
export function routesEnded({ book }: Context, { allocation, carried }: RoutesEnded): Command[] {
  const account = book.byId.get(allocation)
  if (account) {
    addTraffic(account.traffic, carried.traffic)
    account.dropped += carried.dropped
  }
  return []
}

/** The route that may stand now, or undefined while either direction may not flow. */
function routeFor(
  context: Context,
  allocation: Allocation,
  peer: Address,
  now: Time,
): Omit<Route, 'id'> | undefined {
  const half = halfFor(allocation, peer, now)
  const permission = permissionFor(allocation, peer, now)
  if (!half || !permission || peer.port === 0) return undefined

  const { siblings, host } = context.environment
  // What another shard's socket sends is taken for its relayed address, so by this name no route answers.
  const other = siblings?.relayed(peer)
  if (other && other.key !== peer.key) return undefined
  // The same goes for a program beside us that the client knows by both of its addresses.
  const outside = host?.peer(peer)
  if (outside && permissionFor(allocation, outside, now)) return undefined
  const reach = reachOf(context, allocation, peer)
  const relayed = context.book.byRelayed.get(peer.key)
  const sibling = relayed ? undefined : siblings?.wire(peer)
  if (reach === 'no' || (reach === 'local' && !relayed && !sibling)) return undefined
  const wire = relayed ? undefined : (sibling ?? host?.wire(peer))

  const channel = channelTo(allocation, peer, now)
  const expires = Math.min(
    half.expires,
    permission.expires,
    channel?.expires ?? Number.POSITIVE_INFINITY,
  ) as Time
  return {
    channel: channel?.number ?? 0,
    client: allocation.client.address,
    listener: allocation.client.socket,
    via: allocation.client.via,
    relayed: half.relay.address,
    relay: half.relay.socket,
    peer,
    ...(relayed ? { local: relayed.half.relay.socket } : {}),
    ...(wire ? { wire } : {}),
    expires,
    meters: context.book.meters.get(allocation.id) ?? [],
  }
}

function sameRoute(a: Route, b: Omit<Route, 'id'>): boolean {
  return (
    a.channel === b.channel &&
    a.expires === b.expires &&
    a.relay === b.relay &&
    a.local === b.local &&
    a.wire?.key === b.wire?.key &&
    a.meters === b.meters
  )
}
