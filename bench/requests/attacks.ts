import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { Hand, type Place, peer, sixth } from '../support/hand.ts'
import { HOST, KINDS, type Opened, PAIRS } from './kinds.ts'

/** A message of an attack, signed already. */
export interface Shot {
  /** That it takes of the line. */
  readonly octets: number
  readonly send: () => void
}

/** What a hostile client does, a message at a time. */
export interface Attack {
  readonly name: string
  /** Prepares it; the function makes the `i`-th message. Undefined where nothing is sent. */
  readonly start: (place: Place) => Promise<((i: number) => Shot) | undefined>
}

const USER = '@evil:example.org'
/** Its allocations, each with all channels that it may have, for as long as its user has any left. */
const ALLOCATIONS = 8
const CHANNELS = 256

/** Messages of a kind, spread over several allocations of one user. */
function ofKind(name: string, via: Place['via'] = 'udp', family: 4 | 6 = 4): Attack {
  const kind = [...KINDS, ...PAIRS].find(one => one.name === name)!
  const isPair = PAIRS.includes(kind)
  return {
    name: `${name}${family === 6 ? ', IPv6' : ''}${via === 'tcp' ? ', TCP' : ''}`,
    start: async place => {
      const hands = await Promise.all(
        Array.from({ length: ALLOCATIONS }, () => Hand.open({ ...hostOf(place, family), via }, USER)),
      )
      const all: Opened[] = []
      for (const hand of hands) {
        const opened: Opened = { hand, family, channels: isPair ? 0 : CHANNELS }
        all.push(opened)
        if (isPair) continue
        await hand.allocate(family === 6 ? sixth : undefined)
        // At the pace that a user may have, and then some time to rest.
        for (let i = 0; i < CHANNELS; i += 8) {
          for (let k = i; k < i + 8; k++) hand.send(hand.binding(0x4000 + k, peer(family, HOST, 4000 + k)))
          await hand.settled()
        }
      }
      return i => {
        // Both halves of a pair go to one of them.
        const to = all[(isPair ? i >> 1 : i) % all.length]!
        const bytes = kind.make(to, i)
        return { octets: bytes.length, send: () => to.hand.send(bytes) }
      }
    },
  }
}

export const ATTACKS: readonly Attack[] = [
  { name: 'nothing', start: async () => undefined },
  ofKind('CreatePermission, that peer 32 times'),
  ofKind('CreatePermission, that peer 32 times', 'udp', 6),
  ofKind('CreatePermission, 255 peers', 'udp', 6),
  ofKind('Refresh'),
  ofKind('Refresh, wrong integrity'),
  ofKind('Refresh, 256 unknown attributes'),
  ofKind('Allocate again'),
  ofKind('ChannelBind again'),
  ofKind('Send to a peer, 256 attributes'),
  ofKind('Allocate and release (half of it)'),
  ofKind('Allocate a pair of ports and release (half)'),
  {
    name: 'wrong integrity of a right name, from ever new ports',
    start: async place => {
      const hand = await Hand.open(place, USER)
      let socket = createSocket('udp4')
      return i => {
        const bytes = hand.allocation()
        bytes[bytes.length - 1]! ^= 1
        const send = () => {
          if (i % 16 === 0) {
            socket.close()
            socket = createSocket('udp4').on('error', () => {})
          }
          socket.send(bytes, place.port, '127.0.0.1')
        }
        return { octets: bytes.length, send }
      }
    },
  },
  {
    name: 'datagrams of peers without permission',
    start: async place => {
      const hand = await Hand.open(place, USER)
      const { port } = await hand.allocate()
      const socket = createSocket('udp4').on('error', () => {})
      const bytes = randomBytes(20)
      return () => ({ octets: bytes.length, send: () => socket.send(bytes, port, '127.0.0.1') })
    },
  },
  {
    name: 'requests over TCP, an octet at a time',
    start: async place => {
      const hand = await Hand.open({ ...place, via: 'tcp' }, USER)
      await hand.allocate()
      let rest: Buffer = Buffer.alloc(0)
      return () => {
        if (rest.length === 0) rest = hand.signed(0x004)
        const octet = rest.subarray(0, 1)
        rest = rest.subarray(1)
        // What an octet costs in a segment of its own.
        return { octets: 1 + 40, send: () => hand.send(octet) }
      }
    },
  },
  {
    name: 'requests over TCP, many in a segment',
    start: async place => {
      const hands = await Promise.all(
        Array.from({ length: ALLOCATIONS }, () => Hand.open({ ...place, via: 'tcp' }, USER)),
      )
      for (const hand of hands) await hand.allocate()
      return i => {
        const hand = hands[i % hands.length]!
        const bytes = Buffer.concat(Array.from({ length: 40 }, () => hand.signed(0x004)))
        return { octets: bytes.length, send: () => hand.send(bytes) }
      }
    },
  },
]

function hostOf(place: Place, family: 4 | 6): Place {
  return family === 6 ? { ...place, host: '::1' } : place
}
