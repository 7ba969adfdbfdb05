import { type Address, address, type Family, parseIp } from '../../src/base/address.ts'
import type { Via } from '../support/wire.ts'
import { Call, type CallManner, kindOf, LENGTH, openParties, type Parties, type Peer } from './call.ts'
import { hostOf, type Leg, type Place } from './leg.ts'
import type { Talker, TalkersRound, TalkersWire } from './talker.ts'
import type { Heard } from './tally.ts'

/** What the talker finds its payload by, once, when it is told what to send. */
const BLANK = Buffer.alloc(LENGTH, 0xb1)

/** A call over UDP and TCP, which a talker talks in: it has the sockets, and this process the TURN clients on them. */
export class TalkedCall extends Call {
  readonly #ways: readonly number[]

  private constructor(manner: CallManner, parties: Parties<TalkersWire, TalkersPeer>, talker: Talker) {
    super(kindOf(manner), parties)
    const [one, two] = parties.legs as readonly [Leg<TalkersWire>, Leg<TalkersWire>?]
    const other = parties.peer?.wire ?? two!.wire
    this.#ways = [
      addWay(talker, one.wire, other, one.packetWith(BLANK)),
      addWay(talker, other, one.wire, two?.packetWith(BLANK) ?? BLANK),
    ]
  }

  static async open(number: number, manner: CallManner, place: Place, talker: Talker): Promise<TalkedCall> {
    const parties = await openParties(number, manner, place, {
      wire: (via, family) => talker.open(overPlain(via), family, place.port),
      peer: async family => new TalkersPeer(talker, await talker.open('peer', family), family),
    })
    return new TalkedCall(manner, parties, talker)
  }

  override talk(): void {}

  override round({ ways }: TalkersRound): Heard[] {
    return this.#ways.map(number => ways[number]!)
  }
}

function addWay(talker: Talker, from: TalkersWire, to: TalkersWire, packet: Buffer): number {
  return talker.addWay(from, to, packet, packet.indexOf(BLANK))
}

function overPlain(via: Via): 'udp' | 'tcp' {
  if (via === 'tls') throw new Error('a talker has no TLS')
  return via
}

class TalkersPeer implements Peer {
  readonly wire: TalkersWire
  readonly #talker: Talker
  readonly #family: Family

  constructor(talker: Talker, wire: TalkersWire, family: Family) {
    this.#talker = talker
    this.wire = wire
    this.#family = family
  }

  get address(): Address {
    return address(parseIp(hostOf(this.#family))!, this.wire.port)
  }

  async meet({ port }: Address): Promise<void> {
    this.#talker.connect(this.wire, port)
  }

  close(): void {
    this.wire.close()
  }
}
