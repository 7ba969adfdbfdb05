import { type Address, address, ipKey } from '../../base/address.ts'
import { Counter } from '../../base/counters.ts'
import { after, type Time } from '../../base/time.ts'
import { XOR_PEER_ADDRESS } from '../../wire/attributes.ts'
import { all } from '../../wire/message.ts'
import { type Allocation, halfFor, PERMISSION_LIFETIME, permissionFor } from '../allocation.ts'
import type { Command } from '../command.ts'
import type { Context } from '../context.ts'
import { chargePeers } from '../data.ts'
import { reachOf, withheld } from '../reach.ts'
import { success } from '../reply.ts'
import { reroute, rerouteAll } from '../routes.ts'
import { allocationOf, type Request, refuse, succeed } from './request.ts'

/** Peers that one request may name. Browsers name one. */
const PEERS_PER_REQUEST = 32

/** Answers an authenticated CreatePermission request (RFC 8656 §10.2): all of its peers, or none. */
export function createPermission(context: Context, request: Request): Command[] {
  const allocation = allocationOf(context, request)
  if (Array.isArray(allocation)) return allocation
  const now = request.reply.at
  const peers = all(request.message, XOR_PEER_ADDRESS)
  if (peers.length === 0) return refuse(context, request, 400, 'bad-request', 'no XOR-PEER-ADDRESS')
  if (peers.length > PEERS_PER_REQUEST)
    return refuse(context, request, 400, 'bad-request', 'too many peers at once')

  const refusal = refuseUnlessPermitted(context, request, allocation, peers)
  if (refusal) return refusal
  const fresh = peers.filter(peer => !permissionFor(allocation, peer, now))
  const stopped = refuseUnlessCharged(
    context,
    request,
    allocation,
    fresh.map(peer => address(peer.ip, 0)),
  )
  if (stopped) return stopped
  const commands = permit(context, allocation, peers, now)
  const event = { kind: 'permitted' as const, at: now, allocation: allocation.id, peers }
  return [...succeed(request, success(request.reply)), ...commands, { kind: 'tell', event }]
}

/** Refuses what a permission cannot be installed for: another family 443, a denied peer 403, no room 508. */
export function refuseUnlessPermitted(
  context: Context,
  request: Request,
  allocation: Allocation,
  peers: readonly Address[],
): Command[] | undefined {
  const { config } = context
  if (peers.some(peer => !halfFor(allocation, peer, request.reply.at))) {
    return refuse(context, request, 443, 'mismatch', 'the peer is of another address family')
  }
  // A permission is for an IP address; which of its ports may be reached is asked for each datagram.
  const denied = peers.find(peer => reachOf(context, allocation, address(peer.ip, 0)) === 'no')
  if (denied) return refuseDenied(context, request, allocation, denied)
  const fresh = new Set(peers.map(peer => ipKey(peer.ip)).filter(ip => !allocation.permissions.has(ip)))
  if (allocation.permissions.size + fresh.size > config.limits.permissionsPerAllocation) {
    return refuse(context, request, 508, 'capacity', 'too many permissions on one allocation', 'permissions')
  }
  return undefined
}

/** Refuses a peer that the policy denies. */
export function refuseDenied(
  context: Context,
  request: Request,
  allocation: Allocation,
  peer: Address,
): Command[] {
  context.counters.add(Counter.deniedPermission)
  return [
    // It may not always have been denied: what is denied by now is not relayed from now on.
    ...reroute(context, allocation, peer, request.reply.at),
    ...refuse(context, request, 403, 'denied-peer', 'the peer policy denies this address'),
    ...withheld(context, allocation, peer, request.reply.at),
  ]
}

/** Refuses peers that would be too many different ones for one user in a minute. */
export function refuseUnlessCharged(
  context: Context,
  request: Request,
  allocation: Allocation,
  peers: readonly Address[],
): Command[] | undefined {
  const stopped = chargePeers(context, allocation, peers, request.reply.at)
  if (!stopped) return undefined
  const refusal = refuse(context, request, 508, 'scan', 'too many different peers in a minute')
  return [...refusal, ...stopped]
}

/** Installs or renews permissions, each for the five minutes of RFC 8656 §9. */
export function permit(
  context: Context,
  allocation: Allocation,
  peers: readonly Address[],
  now: Time,
): Command[] {
  const expires = after(now, PERMISSION_LIFETIME)
  const commands: Command[] = []
  for (const { ip } of peers) {
    const key = ipKey(ip)
    const permission = allocation.permissions.get(key)
    if (permission) permission.expires = expires
    else {
      allocation.permissions.set(key, { ip: Uint8Array.from(ip), expires })
      allocation.peers++
    }
    commands.push(...rerouteAll(context, allocation, now, ip))
  }
  allocation.due = Math.min(allocation.due, expires) as Time
  return commands
}
