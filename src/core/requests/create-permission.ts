import { address, ipKey, type PeerAddress } from '../../base/address.ts'
import { Counter } from '../../base/counters.ts'
import { after, type Time } from '../../base/time.ts'
import { XOR_PEER_ADDRESS } from '../../wire/attributes.ts'
import { all } from '../../wire/message.ts'
import { type OpenAllocation, PERMISSION_LIFETIME } from '../allocation.ts'
import type { Command } from '../command.ts'
import { chargePeers } from '../data.ts'
import { legFor, permissionFor } from '../peers/admitted.ts'
import { addPermission, noPermissions } from '../peers/room.ts'
import { reroute } from '../peers/routes.ts'
import { reachOf, withheld } from '../reach.ts'
import type { RelayState } from '../relay-state.ts'
import { success } from '../reply.ts'
import { noteChange } from '../snapshot/noting.ts'
import { allocationOf, type Request, refuse, succeed } from './request.ts'

/**
 * Answers an authenticated CreatePermission request (RFC 8656 §10.2): all of
 * its peers, or none. It may name as many as an allocation may have
 * permissions: pion renews all of them in one request.
 */
export function createPermission(state: RelayState, request: Request): Command[] {
  const found = allocationOf(state, request)
  if (!found.ok) return found.error
  const allocation = found.value
  const { message, reply } = request
  const now = reply.at
  const peers = distinct(all(message, XOR_PEER_ADDRESS))
  if (peers.length === 0) return refuse(state, request, 400, 'bad-request', 'no XOR-PEER-ADDRESS')

  const refusal = refuseUnlessPermitted(state, request, allocation, peers)
  if (refusal) return refusal
  const fresh = peers.filter(({ ip }) => permissionFor(state.book, allocation, ip, now) < 0)
  const hosts = fresh.map(({ ip }) => address(ip, 0))
  const stopped = refuseUnlessCharged(state, request, allocation, hosts)
  if (stopped) return stopped
  permit(state, allocation, peers, now)
  const event = { kind: 'permitted' as const, at: now, allocation: allocation.id, peers }
  return [...succeed(request, success(reply)), { kind: 'tell', event }]
}

/** One of these for each IP address: a permission is for all ports of a host. */
function distinct(peers: readonly PeerAddress[]): PeerAddress[] {
  const hosts = new Map<number | string, PeerAddress>()
  for (const peer of peers) {
    const key = ipKey(peer.ip)
    if (!hosts.has(key)) hosts.set(key, peer)
  }
  return [...hosts.values()]
}

/**
 * Refuses what a permission cannot be installed for: another family 443, a
 * denied peer 403, no room 508. Each IP address is there once.
 */
export function refuseUnlessPermitted(
  state: RelayState,
  request: Request,
  allocation: OpenAllocation,
  peers: readonly PeerAddress[],
): Command[] | undefined {
  const { book } = state
  if (peers.some(peer => !legFor(book, allocation, peer.family, request.reply.at))) {
    return refuse(state, request, 443, 'mismatch', 'the peer is of another address family')
  }
  // A permission is for an IP address; which of its ports may be reached is asked for each datagram.
  const denied = peers.find(
    peer => reachOf(state, allocation, peer.port === 0 ? peer : address(peer.ip, 0)) === 'no',
  )
  if (denied) return refuseDenied(state, request, allocation, denied)
  let fresh = 0
  for (const { ip } of peers) if (book.permissions.find(allocation.row, ip) < 0) fresh++
  const full = fresh > 0 ? noPermissions(state, allocation, fresh) : undefined
  return full && refuse(state, request, 508, 'capacity', full.detail, full.cause)
}

/** Refuses a peer that the policy denies. */
export function refuseDenied(
  state: RelayState,
  request: Request,
  allocation: OpenAllocation,
  peer: PeerAddress,
): Command[] {
  state.counters.add(Counter.deniedPermission)
  return [
    // It may not always have been denied: what is denied by now is not relayed from now on.
    ...reroute(state, allocation, peer, request.reply.at),
    ...refuse(state, request, 403, 'denied-peer', 'the peer policy denies this address'),
    ...withheld(state, allocation, peer, request.reply.at),
  ]
}

/** Refuses peers that would be too many different ones for one user in a minute. */
export function refuseUnlessCharged(
  state: RelayState,
  request: Request,
  allocation: OpenAllocation,
  peers: readonly PeerAddress[],
): Command[] | undefined {
  const stopped = chargePeers(state, allocation, peers, request.reply.at)
  if (!stopped) return undefined
  const refusal = refuse(state, request, 508, 'scan', 'too many different peers in a minute')
  return [...refusal, ...stopped]
}

/**
 * Installs or renews permissions, each for the five minutes of RFC 8656 §9.
 * One that is renewed is one number written, whatever routes hang on it.
 */
export function permit(
  state: RelayState,
  allocation: OpenAllocation,
  peers: readonly PeerAddress[],
  now: Time,
): void {
  const { book } = state
  const { permissions, lifetimes } = book
  const expires = after(now, PERMISSION_LIFETIME)
  for (const { ip } of peers) {
    const row = permissions.find(allocation.row, ip)
    if (row < 0) addPermission(book, allocation, ip, expires)
    if (row < 0 || lifetimes.isOver(permissions.lifetime(row), now)) allocation.permitted++
    if (row >= 0) lifetimes.set(permissions.lifetime(row), expires)
  }
  allocation.due = Math.min(allocation.due, expires) as Time
  noteChange(state, allocation, journal =>
    journal.permitted(
      allocation.id,
      peers.map(({ ip }) => ip),
      expires,
    ),
  )
}
