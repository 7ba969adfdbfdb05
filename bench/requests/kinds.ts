import { randomBytes } from 'node:crypto'
import type { Address } from '../../src/base/address.ts'
import type { Seconds } from '../../src/base/time.ts'
import {
  type Attribute,
  DATA,
  EVEN_PORT,
  LIFETIME,
  REQUESTED_TRANSPORT,
  XOR_PEER_ADDRESS,
} from '../../src/wire/attributes.ts'
import { writeChannelData } from '../../src/wire/channel.ts'
import { MessageWriter, Method } from '../../src/wire/message.ts'
import { type Hand, peer } from '../support/hand.ts'

/** A client with an allocation, and what it has opened. */
export interface Opened {
  readonly hand: Hand
  readonly family: 4 | 6
  /** Channels from 0x4000 on, all to one host, from port 4000 on. */
  readonly channels: number
}

/** One kind of message, the `i`-th of many that are all different. */
export interface Kind {
  readonly name: string
  readonly make: (client: Opened, i: number) => Buffer
}

/** The host that all channels lead to; others are permitted or not. */
export const HOST = 1
/** Peers that one allocation may permit. */
export const MOST_PEERS = 256
const PAYLOAD = Buffer.alloc(160)
/** Octets that a UDP datagram carries here without being cut into fragments by loopback. */
const LARGEST = 60_000

export const KINDS: readonly Kind[] = [
  { name: 'Binding', make: () => new MessageWriter('request', Method.Binding, randomBytes(12)).finish() },
  { name: 'Refresh', make: ({ hand }) => hand.signed(Method.Refresh) },
  {
    name: 'Refresh, stale nonce',
    make: ({ hand }) => hand.signed(Method.Refresh, () => {}, `${hand.nonce}x`),
  },
  { name: 'Refresh, wrong integrity', make: ({ hand }) => spoilt(hand.signed(Method.Refresh)) },
  {
    name: 'Refresh, 256 unknown attributes',
    make: ({ hand }) => hand.signed(Method.Refresh, unknown(0x7000, 256)),
  },
  {
    name: 'Refresh, 256 optional attributes',
    make: ({ hand }) => hand.signed(Method.Refresh, unknown(0xf000, 256)),
  },
  {
    name: 'Refresh, 60 kB of attributes',
    make: ({ hand }) => hand.signed(Method.Refresh, unknown(0xf000, LARGEST / 4)),
  },
  { name: 'Allocate again', make: ({ hand }) => hand.allocation() },
  { name: 'CreatePermission, 1 peer', make: ({ hand, family }) => hand.permission(peer(family, HOST)) },
  {
    name: 'CreatePermission, that peer 32 times',
    make: ({ hand, family }) => hand.permission(...Array.from({ length: 32 }, () => peer(family, HOST, 1))),
  },
  { name: 'CreatePermission, 32 peers', make: client => permissions(client, 32) },
  { name: 'CreatePermission, 255 peers', make: client => permissions(client, MOST_PEERS - 1) },
  { name: 'CreatePermission, one too many', make: client => permissions(client, MOST_PEERS + 1) },
  {
    name: 'ChannelBind again',
    make: ({ hand, family, channels }, i) => {
      const n = channels === 0 ? 0 : i % channels
      return hand.binding(0x4000 + n, peer(family, HOST, 4000 + n))
    },
  },
  {
    name: 'ChannelBind, refused',
    make: ({ hand, family }, i) => hand.binding(0x4fff, peer(family, HOST, 4000 + (i % 256))),
  },
  { name: 'Send to a peer', make: ({ family }) => indication(peer(family, HOST)) },
  {
    name: 'Send to a peer, 256 attributes',
    make: ({ family }) => indication(peer(family, HOST), unknown(0xf000, 256)),
  },
  { name: 'Send to a denied peer', make: ({ family }) => indication(peer(family, 60_000)) },
  { name: 'ChannelData, no such channel', make: () => writeChannelData(0x4ffe as never, PAYLOAD) },
]

/** What opens something each time; they are undone by what comes behind, and so are measured in pairs. */
export const PAIRS: readonly Kind[] = [
  {
    name: 'Allocate and release (half of it)',
    make: ({ hand }, i) => (i % 2 ? release(hand) : hand.allocation()),
  },
  {
    name: 'Allocate a pair of ports and release (half)',
    make: ({ hand }, i) => (i % 2 ? release(hand) : hand.allocation(writer => writer.set(EVEN_PORT, true))),
  },
]

function release(hand: Hand): Buffer {
  return hand.signed(Method.Refresh, writer => writer.set(LIFETIME, 0 as Seconds))
}

function permissions({ hand, family }: Opened, peers: number): Buffer {
  return hand.permission(...Array.from({ length: peers }, (_, k) => peer(family, HOST + 1 + k)))
}

export function indication(to: Address, more: (writer: MessageWriter) => void = () => {}): Buffer {
  const writer = new MessageWriter('indication', Method.Send, randomBytes(12))
  writer.set(XOR_PEER_ADDRESS, to).set(DATA, PAYLOAD)
  more(writer)
  return writer.finish()
}

/** Attributes without a value, of types that nobody knows. */
function unknown(first: number, count: number): (writer: MessageWriter) => void {
  return writer => {
    for (let i = 0; i < count; i++) writer.set(empty(first + (i % 256)), undefined)
  }
}

function empty(type: number): Attribute<undefined> {
  return { ...REQUESTED_TRANSPORT, type, write: () => Buffer.alloc(0) } as unknown as Attribute<undefined>
}

/** With one bit of the integrity changed. */
function spoilt(bytes: Buffer): Buffer {
  bytes[bytes.length - 1]! ^= 1
  return bytes
}
