import { type Address, asPeer, type PeerAddress } from '../base/address.ts'
import { Counter } from '../base/counters.ts'
import type { ChannelNumber } from '../base/ids.ts'
import type { Time } from '../base/time.ts'
import { viaNumber } from '../base/via.ts'
import { PACKET_OVERHEAD } from '../limits/meters.ts'
import { DATA, ICMP, XOR_PEER_ADDRESS } from '../wire/attributes.ts'
import { CHANNEL_HEADER, channelLength, readChannel, writeChannelData } from '../wire/channel.ts'
import { padded } from '../wire/header.ts'
import { MessageWriter, Method } from '../wire/message.ts'
import type { OpenAllocation } from './allocation.ts'
import type { Relayed } from './book.ts'
import type { Command } from './command.ts'
import type { Unreachable } from './input.ts'
import { isAway } from './mobility/tuples.ts'
import { partnerOf, recipientOf, senderTo, speakTo } from './one-port/conversations.ts'
import type { SharedPort } from './one-port/shared-port.ts'
import { channelTo, isAdmitted, legFor } from './peers/admitted.ts'
import { reroute } from './peers/routes.ts'
import { reachOf, withheld } from './reach.ts'
import { drop, type RelayState } from './relay-state.ts'

/** The most that fits a Data indication: its length field has 16 bits (RFC 8489 §5). */
const LARGEST_INDICATION = 65_535

/** Takes a ChannelData message from a client (RFC 8656 §12.6). */
export function channelData(
  state: RelayState,
  allocation: OpenAllocation,
  bytes: Buffer,
  now: Time,
): Command[] {
  const number = readChannel(bytes, 0, bytes.length)
  if (number === undefined) return drop(state, Counter.dropMalformed)
  const { peers, lifetimes } = state.book
  const row = peers.onChannel(allocation.row, number as ChannelNumber)
  if (row === undefined || lifetimes.isOver(peers.lifetime(row), now))
    return drop(state, Counter.dropNoChannel)

  const payload = bytes.subarray(CHANNEL_HEADER, CHANNEL_HEADER + channelLength(bytes, 0))
  return toPeer(state, allocation, peers.address(row), payload, now)
}

/**
 * Relays a payload from the client to a peer, out of the relayed address of
 * the peer's family, or inside the process where the peer is a relayed address
 * of this server. The caller has checked permission or channel; the peer
 * policy is asked here, on every path alike.
 */
export function toPeer(
  state: RelayState,
  allocation: OpenAllocation,
  peer: PeerAddress,
  payload: Buffer,
  now: Time,
  dontFragment = false,
): Command[] {
  const { environment, book, counters, meters } = state
  const leg = legFor(book, allocation, peer.family, now)
  if (!leg) return drop(state, Counter.dropFamily)
  const reach = reachOf(state, allocation, peer)
  const port = book.sharedByRelayed.get(peer.key)
  const relayed = book.byRelayed.get(peer.key)
  const isOurs = port !== undefined || relayed !== undefined
  const wire = isOurs ? undefined : environment.siblings?.wire(peer)
  if (peer.port === 0 || reach === 'no' || (reach === 'local' && !isOurs && !wire)) {
    return [...drop(state, Counter.dropDeniedPeer), ...withheld(state, allocation, peer, now)]
  }
  if (book.peers.find(allocation.row, peer) === undefined) {
    const stopped = chargePeers(state, allocation, [peer], now)
    if (stopped) return [...drop(state, Counter.dropScan), ...stopped]
  }
  const sender = book.sharing(allocation, leg)
  if (sender && !isOurs && !speakTo(sender, peer, payload, now)) return drop(state, Counter.dropPeerTaken)
  // Between a shared relayed address and one that is not, nobody could tell later whose an answer is.
  const isAlike = !isOurs || (port !== undefined) === (sender !== undefined)
  const partner = sender && port ? partnerOf(book, sender, port, payload, now) : relayed
  if (isOurs && !(partner && isAlike)) return drop(state, Counter.dropUnattributed)
  if (!meters.take(allocation.meters, payload.length + PACKET_OVERHEAD, now)) {
    allocation.dropped++
    return drop(state, Counter.dropRate)
  }

  counters.toPeer(viaNumber(allocation.client.via), payload.length)
  allocation.traffic.toPeer.packets++
  allocation.traffic.toPeer.bytes += payload.length
  const commands = reroute(state, allocation, peer, now)
  if (partner) return [...commands, ...toClient(state, partner, asPeer(leg.relay.address), payload, now)]
  const to = wire ?? environment.host?.wire(peer) ?? peer
  const send = { kind: 'send' as const, socket: leg.relay.socket, to, bytes: payload }
  commands.push(dontFragment ? { ...send, dontFragment } : send)
  return commands
}

/**
 * Charges the user for peers not tried before in this minute. Where they are
 * too many, returns what there is to tell of it, which may be nothing.
 */
export function chargePeers(
  { scans, config, environment }: RelayState,
  { identity: { owner }, client }: OpenAllocation,
  peers: readonly PeerAddress[],
  now: Time,
): Command[] | undefined {
  const most = config.limits.peersPerUserPerMinute
  if (scans.charge(owner, peers, most, now, environment.siblings)) return undefined
  return scans.stopped(owner, client.address, now).map(event => ({ kind: 'tell', event }))
}

/** Takes a datagram that reached a relayed address from the network (RFC 8656 §11.3). */
export function fromPeer(
  state: RelayState,
  relayed: Relayed,
  from: Address,
  payload: Buffer,
  now: Time,
): Command[] {
  const sibling = state.environment.siblings?.relayed(from)
  if (sibling) return toClient(state, relayed, asPeer(sibling), payload, now)
  const peer = nameOf(state, relayed.allocation, from, now)
  // What claims to come from one of our own relayed addresses came neither through the process nor from a peer.
  if (reachOf(state, relayed.allocation, peer) !== 'yes' || state.book.isRelayed(peer))
    return drop(state, Counter.dropDeniedPeer)
  return toClient(state, relayed, peer, payload, now)
}

/** The same where many allocations have the relayed address. What may be for one or for another is for none. */
export function fromPeerOfSome(
  state: RelayState,
  port: SharedPort,
  from: Address,
  payload: Buffer,
  now: Time,
): Command[] {
  const { book, environment } = state
  const outside = environment.host?.peer(from)
  const names: readonly PeerAddress[] = outside ? [outside, from] : [from]
  if (names.some(name => book.isRelayed(name))) return drop(state, Counter.dropDeniedPeer)
  const found = recipientOf(book, port, names, payload, now)
  if (!found) return drop(state, Counter.dropUnattributed)
  const { member, peer } = found
  if (reachOf(state, member.allocation, peer) !== 'yes') return drop(state, Counter.dropDeniedPeer)
  return toClient(state, member, peer, payload, now)
}

/**
 * Who a datagram is from, to the client: the public address of a program beside
 * us, unless only the local one is permitted.
 */
function nameOf(
  { environment, book }: RelayState,
  allocation: OpenAllocation,
  from: Address,
  now: Time,
): PeerAddress {
  const outside = environment.host?.peer(from)
  if (!outside) return from
  return isAdmitted(book, allocation, from, now) && !isAdmitted(book, allocation, outside, now)
    ? from
    : outside
}

/** Hands a peer's payload to the client: ChannelData where a channel is bound, else a Data indication. */
function toClient(
  state: RelayState,
  relayed: Relayed,
  from: PeerAddress,
  payload: Buffer,
  now: Time,
): Command[] {
  const { book, counters, meters } = state
  const { allocation, leg } = relayed
  if (book.lifetimes.isOver(leg.lifetime, now)) return drop(state, Counter.dropExpired)
  if (isAway(allocation)) return drop(state, Counter.dropAway)
  if (reachOf(state, allocation, from) === 'no') return drop(state, Counter.dropDeniedPeer)
  if (!isAdmitted(book, allocation, from, now)) return drop(state, Counter.dropNoPermission)

  const channel = channelTo(book, allocation, from, now)
  const overhead = from.family === 4 ? 12 + 4 : 24 + 4
  if (!channel && padded(payload.length) + overhead > LARGEST_INDICATION) {
    return drop(state, Counter.dropTooLong)
  }
  if (!meters.take(allocation.meters, payload.length + PACKET_OVERHEAD, now)) {
    allocation.dropped++
    return drop(state, Counter.dropRate)
  }

  counters.toClient(viaNumber(allocation.client.via), payload.length)
  allocation.traffic.toClient.packets++
  allocation.traffic.toClient.bytes += payload.length
  const commands = reroute(state, allocation, from, now)
  const bytes = channel
    ? writeChannelData(channel, payload)
    : indication(state).set(XOR_PEER_ADDRESS, from).set(DATA, payload).finish()
  commands.push({ kind: 'send', socket: allocation.client.socket, to: allocation.client.address, bytes })
  return commands
}

/** Tells the client that the network refused what it sent to a peer (RFC 8656 §11.5). */
export function unreachable(state: RelayState, error: Unreachable, now: Time): Command[] {
  const { book } = state
  const shared = book.sharedPorts.get(error.socket)
  const relayed = shared ? senderTo(shared, error.peer) : book.bySocket.get(error.socket)
  if (!relayed || book.lifetimes.isOver(relayed.leg.lifetime, now))
    return drop(state, Counter.dropNoAllocation)
  const { type, code } = error
  const peer = nameOf(state, relayed.allocation, error.peer, now)
  const relevant = relayed.leg.relay.family === 4 ? [3, 11] : [1, 2, 3]
  if (!relevant.includes(type)) return drop(state, Counter.peerError)
  if (!isAdmitted(book, relayed.allocation, peer, now)) return drop(state, Counter.dropNoPermission)
  if (isAway(relayed.allocation)) return drop(state, Counter.dropAway)

  const tooBig = relayed.leg.relay.family === 4 ? type === 3 && code === 4 : type === 2
  const bytes = indication(state)
    .set(XOR_PEER_ADDRESS, peer)
    .set(ICMP, { type, code, data: tooBig ? error.data : 0 })
    .finish()
  const { socket, address } = relayed.allocation.client
  return [{ kind: 'send', socket, to: address, bytes }]
}

/** A Data indication with a transaction id of its own (RFC 8489 §6.1). */
function indication(state: RelayState): MessageWriter {
  const transaction = Buffer.alloc(12)
  state.environment.random(transaction)
  return new MessageWriter('indication', Method.Data, transaction)
}
