import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { type Address, address, type Family, formatIp, parseIp } from '../../src/base/address.ts'
import { openWire, type Wire } from '../support/wire.ts'
import { Call, type CallManner, kindOf, LENGTH, openParties, type Parties, type Peer } from './call.ts'
import { hostOf, type Leg, type Place } from './leg.ts'
import type { TalkersRound } from './talker.ts'
import { type Heard, Tally } from './tally.ts'

/** What a side of a call sends with, and how it hears. */
interface Side {
  say(payload: Buffer): void
  heard: (bytes: Buffer) => void
}

/** A call over TLS, on one side at least: this process has its sockets, as it has TLS. */
export class OwnCall extends Call {
  readonly #ways: readonly { readonly from: Side; readonly tally: Tally }[]

  private constructor(manner: CallManner, parties: Parties<Wire, OwnPeer>) {
    super(kindOf(manner), parties)
    const [one, two] = parties.legs as readonly [Leg, Leg?]
    const other = parties.peer ?? two!
    this.#ways = [way(one, other), way(other, one)]
  }

  static async open(number: number, manner: CallManner, place: Place): Promise<OwnCall> {
    const parties = await openParties(number, manner, place, {
      wire: (via, family) => openWire(via, { ...place, host: hostOf(family) }),
      peer: family => OwnPeer.open(family),
    })
    return new OwnCall(manner, parties)
  }

  override talk(): void {
    for (const { from, tally } of this.#ways) {
      const payload = Buffer.alloc(LENGTH)
      payload.writeUInt32BE(tally.next(), 0)
      payload.writeDoubleBE(performance.now(), 4)
      from.say(payload)
    }
  }

  override round(_round: TalkersRound, now: number): Heard[] {
    return this.#ways.map(({ tally }) => tally.round(now))
  }
}

function way(from: Side, to: Side): { readonly from: Side; readonly tally: Tally } {
  const tally = new Tally()
  to.heard = bytes => tally.arrived(bytes.readUInt32BE(0), bytes.readDoubleBE(4), performance.now())
  return { from, tally }
}

class OwnPeer implements Side, Peer {
  readonly #socket: Socket
  readonly #family: Family
  heard: (bytes: Buffer) => void = () => {}

  private constructor(socket: Socket, family: Family) {
    this.#socket = socket
    this.#family = family
    socket.on('message', bytes => this.heard(bytes))
    socket.on('error', () => {})
  }

  static async open(family: Family): Promise<OwnPeer> {
    const socket = createSocket({ type: family === 4 ? 'udp4' : 'udp6', recvBufferSize: 1 << 20 })
    socket.bind(0, hostOf(family))
    await once(socket, 'listening')
    return new OwnPeer(socket, family)
  }

  get address(): Address {
    return address(parseIp(hostOf(this.#family))!, this.#socket.address().port)
  }

  async meet({ ip, port }: Address): Promise<void> {
    this.#socket.connect(port, formatIp(ip))
    await once(this.#socket, 'connect')
  }

  say(payload: Buffer): void {
    this.#socket.send(payload)
  }

  close(): void {
    this.#socket.close()
  }
}
