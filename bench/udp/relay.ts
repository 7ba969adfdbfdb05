import { randomFillSync } from 'node:crypto'
import { type Address, parseAddress } from '../../src/base/address.ts'
import { Counters } from '../../src/base/counters.ts'
import type { ChannelNumber, RouteId } from '../../src/base/ids.ts'
import { Lifetimes } from '../../src/base/lifetimes.ts'
import type { Time } from '../../src/base/time.ts'
import { RouteTable } from '../../src/forward/route-table.ts'
import { Meters } from '../../src/limits/meters.ts'
import { SocketIds } from '../../src/net/socket-ids.ts'
import type { BoundSocket, UdpTransport } from '../../src/net/transport.ts'
import { DgramTransport } from '../../src/net/udp/dgram.ts'
import { type NativeTally, NativeTransport, openNative } from '../../src/net/udp/native.ts'

/** What the parent asks. */
export type Ask =
  | { readonly kind: 'routes'; readonly flows: readonly { readonly client: string; readonly peer: string }[] }
  | { readonly kind: 'tally' }

/** What this process answers. */
export type Answer =
  | { readonly kind: 'bound'; readonly listener: number; readonly relays: readonly number[] }
  | { readonly kind: 'ready' }
  | { readonly kind: 'tally'; readonly tally?: NativeTally }

/**
 * Nothing but transport and route table: what relaying costs when no client
 * ever speaks STUN. Started by main.ts with the transport and the number of
 * allocations as arguments.
 */
const [kind, count = '1', options = '{}'] = process.argv.slice(2)
const counters = new Counters()
const lifetimes = new Lifetimes()
const forever = lifetimes.open(Number.MAX_SAFE_INTEGER as Time)
const table = new RouteTable(counters, new Meters(), lifetimes, into => randomFillSync(into))
const ids = new SocketIds()
const inbox = {
  received(batch: Parameters<RouteTable['forward']>[0]) {
    table.forward(batch, (performance.timeOrigin + performance.now()) as Time)
    transport.send(batch)
  },
  hungUp() {},
  unreachable() {},
}
const transport = open()
const listener = await bind('listener')
const relays = await Promise.all(Array.from({ length: Number(count) }, () => bind('relay')))

process.on('message', (ask: Ask) => {
  if (ask.kind === 'routes') {
    for (const [i, flow] of ask.flows.entries()) addRoute(i, parse(flow.client), parse(flow.peer))
    answer({ kind: 'ready' })
  } else {
    answer({ kind: 'tally', ...(transport instanceof NativeTransport ? { tally: transport.tally() } : {}) })
  }
})
process.on('disconnect', () => process.exit())
answer({ kind: 'bound', listener: listener.local.port, relays: relays.map(relay => relay.local.port) })

function open(): UdpTransport {
  if (kind === 'dgram') return new DgramTransport(ids, inbox, counters)
  const native = openNative(ids, inbox, counters, JSON.parse(options))
  if (!native.ok) throw new Error(native.error)
  return native.value
}

async function bind(purpose: 'listener' | 'relay'): Promise<BoundSocket> {
  const bound = await transport.bind({ address: parse('127.0.0.1:0'), purpose })
  if (!bound.ok) throw bound.error
  return bound.value
}

function addRoute(i: number, client: Address, peer: Address): void {
  table.add({
    id: i as RouteId,
    channel: (0x4000 + i) as ChannelNumber,
    client,
    clientSocket: listener.socket,
    via: 'udp',
    relayed: relays[i]!.local,
    relaySocket: relays[i]!.socket,
    peer,
    relayedLifetime: forever,
    peerLifetime: forever,
    meters: [],
  })
}

function parse(text: string): Address {
  return parseAddress(text)!
}

function answer(message: Answer): void {
  process.send!(message)
}
