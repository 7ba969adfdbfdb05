import { address, type PeerAddress } from '../../base/address.ts'
import type { ChannelNumber, RouteId } from '../../base/ids.ts'
import { after, type Time } from '../../base/time.ts'
import { CHANNEL_NUMBER, XOR_PEER_ADDRESS } from '../../wire/attributes.ts'
import { get } from '../../wire/message.ts'
import { CHANNEL_LIFETIME, type OpenAllocation } from '../allocation.ts'
import type { Command } from '../command.ts'
import { isTaken } from '../one-port/conversations.ts'
import { legFor } from '../peers/admitted.ts'
import { noChannel } from '../peers/room.ts'
import { bind, reroute, unbind } from '../peers/routes.ts'
import { reachOf } from '../reach.ts'
import type { RelayState } from '../relay-state.ts'
import { success } from '../reply.ts'
import { noteChange } from '../snapshot/noting.ts'
import { permit, refuseDenied, refuseUnlessCharged, refuseUnlessPermitted } from './create-permission.ts'
import { allocationOf, type Request, refuse, succeed } from './request.ts'

const FIRST = 0x4000
const LAST = 0x4fff
/** The last number of RFC 5766, for old clients where the operator lets them in. */
const LAST_LEGACY = 0x7ffe

/** Answers an authenticated ChannelBind request (RFC 8656 §12.2). */
export function channelBind(state: RelayState, request: Request): Command[] {
  const found = allocationOf(state, request)
  if (!found.ok) return found.error
  const allocation = found.value
  const { message, reply } = request
  const now = reply.at
  const bad = (detail: string) => refuse(state, request, 400, 'bad-request', detail)

  const number = get(message, CHANNEL_NUMBER)
  const sent = get(message, XOR_PEER_ADDRESS)
  if (number === undefined) return bad('no CHANNEL-NUMBER')
  if (sent === undefined) return bad('no XOR-PEER-ADDRESS')
  if (number < FIRST || number > (state.config.legacyChannelNumbers ? LAST_LEGACY : LAST)) {
    return bad(`channel number 0x${number.toString(16)}`)
  }
  if (sent.port === 0) return bad('peer port 0')
  // The attribute is a view into the batch; what is kept must not be.
  const peer: PeerAddress = address(Uint8Array.from(sent.ip), sent.port)
  const channel = number as ChannelNumber
  const lapsed = forgetLapsed(state, allocation, channel, peer, now)
  return [...lapsed, ...bindPeer(state, request, allocation, channel, peer)]
}

function bindPeer(
  state: RelayState,
  request: Request,
  allocation: OpenAllocation,
  channel: ChannelNumber,
  peer: PeerAddress,
): Command[] {
  const { peers, lifetimes } = state.book
  const now = request.reply.at
  const bound = peers.onChannel(allocation.row, channel)
  const known = peers.find(allocation.row, peer)
  if (bound !== undefined && bound !== known) {
    return refuse(state, request, 400, 'bad-request', 'the channel number is bound to another peer')
  }
  if (bound === undefined && known !== undefined && peers.channel(known) !== 0) {
    return refuse(state, request, 400, 'bad-request', 'the peer is bound to another channel number')
  }

  const refusal = refuseUnlessPermitted(state, request, allocation, [peer])
  if (refusal) return refusal
  if (reachOf(state, allocation, peer) === 'no') return refuseDenied(state, request, allocation, peer)
  const full = bound === undefined ? noChannel(state, allocation) : undefined
  if (full) return refuse(state, request, 508, 'capacity', full.detail, full.cause)

  const sender = state.book.sharing(allocation, legFor(state.book, allocation, peer.family, now)!)
  if (sender && isTaken(sender, peer, now)) {
    const detail = 'another client has this peer on the shared relay port'
    return refuse(state, request, 508, 'capacity', detail, 'shared-port')
  }

  const stopped = bound === undefined ? refuseUnlessCharged(state, request, allocation, [peer]) : undefined
  if (stopped) return stopped

  const expires = after(now, CHANNEL_LIFETIME)
  if (bound !== undefined) lifetimes.set(peers.lifetime(bound), expires)
  else bind(state, allocation, peer, channel, expires)
  noteChange(state, allocation, journal => journal.bound(allocation.id, channel, peer, expires))
  permit(state, allocation, [peer], now)
  sender?.port.interests.bound(allocation.id, peer.ip, expires)
  const event = { kind: 'bound' as const, at: now, allocation: allocation.id, channel, peer }
  return [
    ...reroute(state, allocation, peer, now),
    ...succeed(request, success(request.reply)),
    { kind: 'tell', event },
  ]
}

/** A number or peer whose binding has lapsed may be bound anew at once (RFC 8656 §12). */
function forgetLapsed(
  state: RelayState,
  allocation: OpenAllocation,
  channel: ChannelNumber,
  peer: PeerAddress,
  now: Time,
): Command[] {
  const { peers, lifetimes } = state.book
  const isLapsed = (row: RouteId | undefined) =>
    row !== undefined && peers.channel(row) !== 0 && lifetimes.isOver(peers.lifetime(row), now)
  const commands: Command[] = []
  const numbered = peers.onChannel(allocation.row, channel)
  if (numbered !== undefined && isLapsed(numbered)) commands.push(...unbind(state, allocation, numbered, now))
  const known = peers.find(allocation.row, peer)
  if (known !== undefined && isLapsed(known)) commands.push(...unbind(state, allocation, known, now))
  return commands
}
