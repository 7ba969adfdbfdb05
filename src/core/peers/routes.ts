import type { PeerAddress, RelayedAddress, WireAddress } from '../../base/address.ts'
import { NOWHERE } from '../../base/five-tuple.ts'
import type { ChannelNumber, LifetimeId, RouteId, SocketId } from '../../base/ids.ts'
import { addTraffic, type Route } from '../../base/route.ts'
import type { Time } from '../../base/time.ts'
import type { Leg, OpenAllocation } from '../allocation.ts'
import type { Link } from '../book.ts'
import type { Command } from '../command.ts'
import type { RoutesEnded } from '../input.ts'
import { reachOf } from '../reach.ts'
import type { RelayState } from '../relay-state.ts'
import { isAdmitted, legFor, permissionFor } from './admitted.ts'
import { NO_ROUTE, ROUTED, STALE } from './peers.ts'
import { countChannel, hasRouteRoom } from './room.ts'

/**
 * Routes without a channel that one allocation may hold. A permitted host that
 * sends from ever new ports is relayed all the same, only not by the forwarders.
 */
const PEERS_WITHOUT_CHANNEL = 64

/**
 * Makes, remakes or withdraws the route between an allocation and a peer so
 * that it says what the core would do now. Called where that may have changed,
 * and when a datagram took the long way. Not where something is only renewed:
 * a route names lifetimes, not moments.
 */
export function reroute(
  state: RelayState,
  allocation: OpenAllocation,
  peer: PeerAddress,
  now: Time,
): Command[] {
  const { peers, lifetimes } = state.book
  const row = peers.find(allocation.row, peer)
  if (row !== undefined && peers.channel(row) !== 0 && lifetimes.isOver(peers.lifetime(row), now)) {
    return unbind(state, allocation, row, now)
  }
  return settle(state, allocation, row, peer, now)
}

/** Binds a channel to a peer that has none. */
export function bind(
  state: RelayState,
  allocation: OpenAllocation,
  peer: PeerAddress,
  channel: ChannelNumber,
  until: Time,
): void {
  const { peers, lifetimes } = state.book
  const row = peers.find(allocation.row, peer) ?? peers.add(allocation.peers, allocation.row, peer)
  const route = peers.route(row) === NO_ROUTE ? NO_ROUTE : STALE
  peers.setChannel(row, channel)
  peers.setLifetime(row, lifetimes.open(until), route)
  countChannel(state.book, allocation, 1)
}

/** Takes the channel from a peer, which keeps its route as long as it has a permission. */
export function unbind(state: RelayState, allocation: OpenAllocation, row: RouteId, now: Time): Command[] {
  const peer = state.book.peers.address(row)
  loseChannel(state, allocation, row)
  return settle(state, allocation, row, peer, now)
}

/** Takes from a peer its route, and its row where it has no channel to keep that. */
export function withdraw(state: RelayState, allocation: OpenAllocation, row: RouteId): Command[] {
  const { peers } = state.book
  const isRouted = peers.route(row) !== NO_ROUTE
  setLink(state, row, undefined)
  forgetNote(state, row)
  if (peers.channel(row) !== 0) peers.setLifetime(row, peers.lifetime(row), NO_ROUTE)
  else peers.remove(allocation.peers, row)
  return isRouted ? [{ kind: 'unroute', allocation: allocation.id, route: row }] : []
}

/** Takes from a peer all it has. */
export function dismiss(state: RelayState, allocation: OpenAllocation, row: RouteId): Command[] {
  if (state.book.peers.channel(row) !== 0) loseChannel(state, allocation, row)
  return withdraw(state, allocation, row)
}

function loseChannel({ book }: RelayState, allocation: OpenAllocation, row: RouteId): void {
  const { peers, lifetimes } = book
  const lifetime = peers.lifetime(row)
  lifetimes.close(lifetime)
  peers.setLifetime(row, lifetime, peers.route(row) === NO_ROUTE ? NO_ROUTE : STALE)
  peers.setChannel(row, 0)
  countChannel(book, allocation, -1)
}

/** Makes the row's route what it should be. The row's channel, if it has one, lives. */
function settle(
  state: RelayState,
  allocation: OpenAllocation,
  known: RouteId | undefined,
  peer: PeerAddress,
  now: Time,
): Command[] {
  const { book } = state
  const { peers, links } = book
  const passage = passageTo(state, allocation, known, peer, now)
  if (!passage) return known === undefined ? [] : withdraw(state, allocation, known)
  if (known !== undefined && peers.route(known) === ROUTED && sameLink(links.get(known), passage.link))
    return []
  const withoutChannel = allocation.peers.size - allocation.channels
  if (known === undefined && (withoutChannel >= PEERS_WITHOUT_CHANNEL || !hasRouteRoom(state))) return []

  const row = known ?? peers.add(allocation.peers, allocation.row, peer)
  const { leg, link, lifetime } = passage
  setLink(state, row, link)
  noteHost(state, row, peer)
  peers.setLifetime(row, lifetime, ROUTED)
  const route = routeOf(state, allocation, row, peers.address(row), leg, {
    local: link?.leg?.relay.socket,
    wire: link?.wire,
  })
  return [{ kind: 'route', allocation: allocation.id, route }]
}

/** The route of a peer, as forwarders get it. */
export function routeOf(
  { book: { peers } }: RelayState,
  allocation: OpenAllocation,
  row: RouteId,
  peer: PeerAddress,
  leg: Leg,
  { local, wire }: { readonly local: SocketId | undefined; readonly wire: WireAddress | undefined },
): Route {
  const route: Route = {
    id: row,
    channel: peers.channel(row),
    client: allocation.client.address,
    clientSocket: allocation.client.socket,
    via: allocation.client.via,
    relayed: leg.relay.address,
    relaySocket: leg.relay.socket,
    peer,
    relayedLifetime: leg.lifetime,
    peerLifetime: peers.lifetime(row),
    meters: allocation.meters,
  }
  // Not by a spread: a restore makes thousands of these.
  if (local !== undefined) return { ...route, local }
  return wire ? { ...route, wire } : route
}

/** How data may flow between an allocation and a peer, both ways. */
interface Passage {
  readonly leg: Leg
  /** Of what admits the peer. */
  readonly lifetime: LifetimeId
  readonly link: Link | undefined
}

/** The passage that may stand now, or undefined while either direction may not flow. */
function passageTo(
  state: RelayState,
  allocation: OpenAllocation,
  row: RouteId | undefined,
  peer: PeerAddress,
  now: Time,
): Passage | undefined {
  const { book, environment } = state
  const leg = legFor(book, allocation, peer.family, now)
  // What a shared port gets is for whom the payload names, which forwarders do not read.
  if (!leg || book.sharedPorts.has(leg.relay.socket) || book.sharedByRelayed.has(peer.key)) return undefined
  if (peer.port === 0 || allocation.client.socket === NOWHERE) return undefined
  const isBound = row !== undefined && book.peers.channel(row) !== 0
  const permission = isBound ? -1 : permissionFor(book, allocation, peer.ip, now)
  if (!isBound && permission < 0) return undefined

  const { siblings, host } = environment
  // What another shard's socket sends is taken for its relayed address, so by this name no route answers.
  const other = siblings?.relayed(peer)
  if (other && other.key !== peer.key) return undefined
  // The same goes for a program beside us that the client knows by both of its addresses.
  const outside = host?.peer(peer)
  if (outside && isAdmitted(book, allocation, outside, now)) return undefined
  const reach = reachOf(state, allocation, peer)
  const relayed = book.byRelayed.get(peer.key)
  const sibling = relayed ? undefined : siblings?.wire(peer)
  if (reach === 'no' || (reach === 'local' && !relayed && !sibling)) return undefined
  const wire = relayed ? undefined : (sibling ?? host?.wire(peer))
  return {
    leg,
    lifetime: isBound ? book.peers.lifetime(row) : book.permissions.lifetime(permission),
    link: relayed ? { leg: relayed.leg } : wire ? { wire } : undefined,
  }
}

function sameLink(a: Link | undefined, b: Link | undefined): boolean {
  return a?.leg === b?.leg && a?.wire?.key === b?.wire?.key
}

/** Notes where a route leads, or that it leads to the peer's own address. */
export function setLink({ book }: RelayState, row: RouteId, link: Link | undefined): void {
  const { links, strays } = book
  links.get(row)?.leg?.linked?.delete(row)
  if (link?.leg) (link.leg.linked ??= new Set()).add(row)
  if (link) links.set(row, link)
  else links.delete(row)
  if (link?.wire) strays.add(row)
  else strays.delete(row)
}

/** Notes a route to a port of this machine, which may become a relayed address. */
export function noteHost({ environment, book }: RelayState, row: RouteId, peer: PeerAddress): void {
  if (!environment.host?.isRelayed(peer.ip)) return
  const noted = book.toHost.get(peer.key)
  if (noted) noted.add(row)
  else book.toHost.set(peer.key, new Set([row]))
}

function forgetNote({ book }: RelayState, row: RouteId): void {
  if (book.toHost.size === 0) return
  const { key } = book.peers.address(row)
  const noted = book.toHost.get(key)
  if (noted?.delete(row) && noted.size === 0) book.toHost.delete(key)
}

/** Withdraws routes to an address that has just become one of ours: it is reached inside the process from now on. */
export function unrouteHost(state: RelayState, relayed: RelayedAddress): Command[] {
  const { book } = state
  const commands: Command[] = []
  for (const row of [...(book.toHost.get(relayed.key) ?? [])]) {
    const owner = book.inRow(book.peers.allocation(row))
    if (owner) commands.push(...withdraw(state, owner, row))
  }
  return commands
}

/** Puts what routes have carried that are gone to the account of their allocation. */
export function routesEnded({ book }: RelayState, { allocation, carried }: RoutesEnded): Command[] {
  const account = book.byId.get(allocation)
  if (account?.state === 'open') {
    addTraffic(account.traffic, carried.traffic)
    account.dropped += carried.dropped
  }
  return []
}
