import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { address, type Family, formatIp, parseIp } from '../../src/base/address.ts'
import type { Via } from '../support/wire.ts'
import { hostOf, Leg, type Place } from './leg.ts'
import { type Heard, Tally } from './tally.ts'

/** How one call is: a client, and another client behind the same relay or a peer without one. */
export interface CallManner {
  readonly via: Via
  readonly other: Via | 'peer'
  readonly family: Family
  readonly method: 'channel' | 'indication'
}

/** Calls are judged by the worst of their two ways to the relay. */
export type Kind = Via

const VIAS: readonly Via[] = ['udp', 'udp', 'tcp', 'tls']
const OTHERS: readonly CallManner['other'][] = ['peer', 'udp', 'peer', 'tcp', 'peer', 'udp', 'peer', 'tls']
const MANNERS: readonly CallManner[] = VIAS.flatMap(via =>
  OTHERS.flatMap(other =>
    ([4, 6] as const).flatMap(family =>
      (['channel', 'indication'] as const).map(method => ({ via, other, family, method })),
    ),
  ),
)
/** Has no factor in common with the number of manners, so that a few calls are of many kinds. */
const STRIDE = 37

/** The manner of the call with this number: in any few dozen of them there is every transport, family and method. */
export function mannerOf(number: number): CallManner {
  return MANNERS[(number * STRIDE) % MANNERS.length]!
}

/** Octets of a packet, as of speech. */
const LENGTH = 160

/** What a side of a call sends with, and how it hears. */
interface Side {
  say(payload: Buffer): void
  heard: (bytes: Buffer) => void
}

/** A call, which both sides talk in. Each packet has a number and the time when it was sent. */
export class Call {
  readonly kind: Kind
  readonly #legs: readonly Leg[]
  readonly #peer: Peer | undefined
  readonly #ways: readonly { readonly from: Side; readonly tally: Tally }[]

  private constructor(legs: readonly Leg[], peer: Peer | undefined) {
    const vias = legs.map(leg => leg.via)
    this.kind = vias.includes('tls') ? 'tls' : vias.includes('tcp') ? 'tcp' : 'udp'
    this.#legs = legs
    this.#peer = peer
    const [one, other] = [legs[0]!, peer ?? legs[1]!] as const
    this.#ways = [way(one, other), way(other, one)]
  }

  static async open(number: number, place: Place, manner = mannerOf(number)): Promise<Call> {
    const { via, other, family, method } = manner
    const user = (side: string) => `@${side}${number}:example.org`
    const one = await Leg.open({ via, family, method, user: user('one') }, place)
    if (other === 'peer') {
      const peer = await Peer.open(family)
      await one.meet(peer.address)
      peer.meet(one)
      await peer.ready
      return new Call([one], peer)
    }
    const two = await Leg.open({ via: other, family, method, user: user('two') }, place)
    await Promise.all([one.meet(two.relayed), two.meet(one.relayed)])
    return new Call([one, two], undefined)
  }

  /** Allocations that it has. */
  get allocations(): number {
    return this.#legs.length
  }

  /** Both sides say something. */
  talk(): void {
    for (const { from, tally } of this.#ways) {
      const payload = Buffer.alloc(LENGTH)
      payload.writeUInt32BE(tally.next(), 0)
      payload.writeDoubleBE(performance.now(), 4)
      from.say(payload)
    }
  }

  /** What each side has heard since the last time. */
  round(now: number): Heard[] {
    return this.#ways.map(({ tally }) => tally.round(now))
  }

  /** What became of all packets so far. */
  get packets(): { readonly sent: number; readonly lost: number; readonly twice: number } {
    const sum = { sent: 0, lost: 0, twice: 0 }
    for (const { tally } of this.#ways) {
      sum.sent += tally.sent
      sum.lost += tally.lost
      sum.twice += tally.twice
    }
    return sum
  }

  /** Allocations that the relay does not have any more. */
  async missing(): Promise<number> {
    const alive = await Promise.all(this.#legs.map(leg => leg.isAlive()))
    return alive.filter(is => !is).length
  }

  async end(): Promise<void> {
    await Promise.all(this.#legs.map(leg => leg.release()))
    this.#peer?.close()
  }

  close(): void {
    for (const leg of this.#legs) leg.close()
    this.#peer?.close()
  }
}

function way(from: Side, to: Side): { readonly from: Side; readonly tally: Tally } {
  const tally = new Tally()
  to.heard = bytes => tally.arrived(bytes.readUInt32BE(0), bytes.readDoubleBE(4), performance.now())
  return { from, tally }
}

/** A peer that has no relay. */
class Peer implements Side {
  readonly #socket: Socket
  readonly #family: Family
  ready: Promise<unknown> = Promise.resolve()
  heard: (bytes: Buffer) => void = () => {}

  private constructor(socket: Socket, family: Family) {
    this.#socket = socket
    this.#family = family
    socket.on('message', bytes => this.heard(bytes))
    socket.on('error', () => {})
  }

  static async open(family: Family): Promise<Peer> {
    const socket = createSocket({ type: family === 4 ? 'udp4' : 'udp6', recvBufferSize: 1 << 20 })
    socket.bind(0, hostOf(family))
    await once(socket, 'listening')
    return new Peer(socket, family)
  }

  get address() {
    return address(parseIp(hostOf(this.#family))!, this.#socket.address().port)
  }

  meet({ relayed }: Leg): void {
    this.#socket.connect(relayed.port, formatIp(relayed.ip))
    this.ready = once(this.#socket, 'connect')
  }

  say(payload: Buffer): void {
    this.#socket.send(payload)
  }

  close(): void {
    this.#socket.close()
  }
}
