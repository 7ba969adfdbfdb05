import { type Address, address } from '../../base/address.ts'
import type { ChannelNumber } from '../../base/ids.ts'
import { after, type Time } from '../../base/time.ts'
import { CHANNEL_NUMBER, XOR_PEER_ADDRESS } from '../../wire/attributes.ts'
import { get } from '../../wire/message.ts'
import { type Allocation, CHANNEL_LIFETIME, unbind } from '../allocation.ts'
import type { Command } from '../command.ts'
import type { Context } from '../context.ts'
import { reachOf } from '../reach.ts'
import { success } from '../reply.ts'
import { reroute } from '../routes.ts'
import { permit, refuseDenied, refuseUnlessCharged, refuseUnlessPermitted } from './create-permission.ts'
import { allocationOf, type Request, refuse, succeed } from './request.ts'

const FIRST = 0x4000
const LAST = 0x4fff
/** The last number of RFC 5766, for old clients where the operator lets them in. */
const LAST_LEGACY = 0x7ffe

/** Answers an authenticated ChannelBind request (RFC 8656 §12.2). */
export function channelBind(context: Context, request: Request): Command[] {
  const allocation = allocationOf(context, request)
  if (Array.isArray(allocation)) return allocation
  const { config } = context
  const { message, reply } = request
  const now = reply.at
  const bad = (detail: string) => refuse(context, request, 400, 'bad-request', detail)

  const number = get(message, CHANNEL_NUMBER)
  const sent = get(message, XOR_PEER_ADDRESS)
  if (number === undefined) return bad('no CHANNEL-NUMBER')
  if (sent === undefined) return bad('no XOR-PEER-ADDRESS')
  if (number < FIRST || number > (config.legacyChannelNumbers ? LAST_LEGACY : LAST)) {
    return bad(`channel number 0x${number.toString(16)}`)
  }
  if (sent.port === 0) return bad('peer port 0')
  // The attribute is a view into the batch; what is kept must not be.
  const peer = address(Uint8Array.from(sent.ip), sent.port)
  forgetLapsed(allocation, number as ChannelNumber, peer, now)
  const bound = allocation.channels.get(number as ChannelNumber)
  if (bound && bound.peer.key !== peer.key) return bad('the channel number is bound to another peer')
  if (!bound && allocation.channelByPeer.has(peer.key))
    return bad('the peer is bound to another channel number')

  const refusal = refuseUnlessPermitted(context, request, allocation, [peer])
  if (refusal) return refusal
  if (reachOf(context, allocation, peer) === 'no') return refuseDenied(context, request, allocation, peer)
  if (!bound && allocation.channels.size >= config.limits.channelsPerAllocation) {
    return refuse(context, request, 508, 'capacity', 'too many channels on one allocation', 'channels')
  }

  const stopped = bound ? undefined : refuseUnlessCharged(context, request, allocation, [peer])
  if (stopped) return stopped

  const expires = after(now, CHANNEL_LIFETIME)
  if (bound) bound.expires = expires
  else {
    const channel = { number: number as ChannelNumber, peer, expires }
    allocation.channels.set(channel.number, channel)
    allocation.channelByPeer.set(peer.key, channel)
  }
  const event = {
    kind: 'bound' as const,
    at: now,
    allocation: allocation.id,
    channel: number as ChannelNumber,
    peer,
  }
  return [
    ...permit(context, allocation, [peer], now),
    ...reroute(context, allocation, peer, now),
    ...succeed(request, success(reply)),
    { kind: 'tell', event },
  ]
}

/** A number or peer whose binding has lapsed may be bound anew at once (RFC 8656 §12). */
function forgetLapsed(allocation: Allocation, number: ChannelNumber, peer: Address, now: Time): void {
  for (const channel of [allocation.channels.get(number), allocation.channelByPeer.get(peer.key)]) {
    if (channel && channel.expires <= now) unbind(allocation, channel)
  }
}
