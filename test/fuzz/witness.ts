import { type Address, formatAddress, ipKey } from '../../src/base/address.ts'
import type { Time } from '../../src/base/time.ts'
import { CHANNEL_NUMBER, XOR_PEER_ADDRESS, XOR_RELAYED_ADDRESS } from '../../src/wire/attributes.ts'
import { integrityKind } from '../../src/wire/integrity.ts'
import { all, get, type Message, Method, parse } from '../../src/wire/message.ts'
import type { Stage } from '../sim/actions.ts'
import type { SimClient } from '../sim/sim-client.ts'
import { must } from './target.ts'

const PERMISSION = 300_000
const CHANNEL = 600_000
/** Channels that an allocation of the stage may have. */
const CHANNELS = 2
/** Peers without a channel for which an allocation may hold a route. */
const PEERS_WITHOUT_CHANNEL = 64
/** Octets that an answer to somebody unproved may be longer than the question. */
const GROWTH = 140

/** What one client may do by the answers that it was sent. */
interface Rights {
  relayed: readonly Address[]
  readonly permissions: Map<number | string, Time>
  readonly channels: Map<Address['key'], Time>
  readonly numbers: Map<number, Address[]>
  /** Requests by transaction id, in hex. */
  readonly asked: Map<string, Message[]>
  /** Datagrams sent, answers received, and how much of what was received has been looked at. */
  sent: number
  answers: number
  raw: number
}

/**
 * Watches the wire from outside, and knows nothing of the relay's books: who
 * was granted what, and whether all that moves was granted.
 */
export class Witness {
  readonly #stage: Stage
  readonly #rights = new Map<SimClient, Rights>()
  #toPeers = 0

  constructor(stage: Stage) {
    this.#stage = stage
    this.#meet()
  }

  /** Looks at what has happened since the last time. `policy`: the peer policy has just changed. */
  look(policy: boolean): void {
    this.#meet()
    for (const [client, rights] of this.#rights) this.#answers(client, rights)
    this.#outgoing(policy)
    const { sim } = this.#stage
    must(sim.world.hairpins === 0, 'something went to our own address by the network')
    for (const allocation of sim.relay.openAllocations()) {
      must(allocation.permissions.size <= 3, 'more permissions than allowed')
      must(allocation.channels <= CHANNELS, 'more channels than allowed')
      must(allocation.peers.size <= PEERS_WITHOUT_CHANNEL + 2 * CHANNELS, 'more routes than peers')
    }
    must(sim.relay.sizes().remembered! <= 1024, 'remembers too much')
  }

  #meet(): void {
    for (const client of this.#stage.clients) {
      if (this.#rights.has(client)) continue
      const rights: Rights = {
        relayed: [],
        permissions: new Map(),
        channels: new Map(),
        numbers: new Map(),
        asked: new Map(),
        sent: 0,
        answers: 0,
        raw: client.raw.length,
      }
      this.#rights.set(client, rights)
      const post = client.post.bind(client)
      client.post = bytes => {
        rights.sent++
        note(rights, bytes)
        post(bytes)
      }
    }
  }

  #answers(client: SimClient, rights: Rights): void {
    for (const bytes of client.raw.slice(rights.raw)) {
      const message = parse(bytes, { classic: true })
      if (message.kind === 'malformed') {
        this.#channelData(rights, bytes)
        continue
      }
      must(zeroPadded(message), 'padding that is not zero')
      if (message.class === 'indication') {
        this.#dataIndication(rights, message)
        continue
      }
      rights.answers++
      const questions = rights.asked.get(message.transaction.subarray(-12).toString('hex')) ?? []
      must(questions.length > 0, 'an answer to nobody')
      if (integrityKind(message) === undefined) {
        const longest = Math.max(...questions.map(question => question.bytes.length))
        must(bytes.length <= longest + GROWTH, `${bytes.length} octets answer ${longest}`)
      }
      if (message.class === 'success') this.#granted(rights, message, questions)
    }
    must(rights.answers <= rights.sent, 'more answers than questions')
    rights.raw = client.raw.length
  }

  #granted(rights: Rights, answer: Message, questions: readonly Message[]): void {
    const { now } = this.#stage.sim
    if (answer.method === Method.Allocate) {
      const relayed = all(answer, XOR_RELAYED_ADDRESS)
      const isTaken = (one: Address) => relayed.some(other => other.key === one.key)
      for (const other of this.#rights.values()) other.relayed = other.relayed.filter(one => !isTaken(one))
      rights.relayed = relayed
      return
    }
    for (const question of questions) {
      if (question.method !== answer.method) continue
      for (const peer of all(question, XOR_PEER_ADDRESS)) {
        if (answer.method === Method.CreatePermission || answer.method === Method.ChannelBind) {
          rights.permissions.set(ipKey(peer.ip), now)
        }
        const number = get(question, CHANNEL_NUMBER)
        if (answer.method !== Method.ChannelBind || number === undefined) continue
        rights.channels.set(peer.key, now)
        rights.numbers.set(number, [...(rights.numbers.get(number) ?? []), peer])
      }
    }
  }

  #dataIndication(rights: Rights, message: Message): void {
    must(message.method === Method.Data, 'an indication that is not Data')
    const peer = get(message, XOR_PEER_ADDRESS)
    must(peer !== undefined, 'Data without a peer')
    this.#heard(rights, peer)
  }

  #channelData(rights: Rights, bytes: Buffer): void {
    must(bytes.length >= 4 && bytes[0]! >= 0x40 && bytes[0]! < 0x80, 'neither STUN nor ChannelData')
    must(4 + bytes.readUInt16BE(2) <= bytes.length, 'ChannelData that says it is longer')
    must(!bytes.subarray(4 + bytes.readUInt16BE(2)).some(octet => octet !== 0), 'octets behind ChannelData')
    const peers = rights.numbers.get(bytes.readUInt16BE(0)) ?? []
    must(peers.length > 0, 'data on a channel that was never bound')
    must(
      peers.some(peer => this.#mayHear(rights, peer)),
      'data on a channel without a permission',
    )
  }

  #heard(rights: Rights, peer: Address): void {
    must(this.#stage.reach(peer) !== 'no', `${formatAddress(peer)} is denied and was heard`)
    must(this.#mayHear(rights, peer), `${formatAddress(peer)} was heard without a permission`)
  }

  #mayHear(rights: Rights, peer: Address): boolean {
    const { now } = this.#stage.sim
    const since = rights.permissions.get(ipKey(peer.ip))
    // A bound channel admits its peer for as long as it is bound (P-06).
    const bound = rights.channels.get(peer.key)
    return (since !== undefined && now - since < PERMISSION) || (bound !== undefined && now - bound < CHANNEL)
  }

  #outgoing(policy: boolean): void {
    const { sim } = this.#stage
    for (const { from, to } of sim.world.toPeers.slice(this.#toPeers)) {
      must(policy || this.#stage.reach(to) === 'yes', `${formatAddress(to)} is denied`)
      must(to.port !== 0, 'port 0')
      const sender = [...this.#rights.values()].find(one => one.relayed.some(each => each.key === from.key))
      must(sender !== undefined, `${formatAddress(from)} is nobody's`)
      must(this.#mayHear(sender, to), `${formatAddress(to)} was sent to without a permission`)
    }
    this.#toPeers = sim.world.toPeers.length
  }
}

function note(rights: Rights, bytes: Buffer): void {
  // The caller may use its octets again.
  const message = parse(Buffer.from(bytes), { classic: true })
  if (message.kind === 'malformed') return
  const id = message.transaction.subarray(-12).toString('hex')
  rights.asked.set(id, [...(rights.asked.get(id) ?? []), message])
}

function zeroPadded({ bytes }: Message): boolean {
  for (let at = 20; at + 4 <= bytes.length; ) {
    const end = at + 4 + bytes.readUInt16BE(at + 2)
    at = (end + 3) & ~3
    if (bytes.subarray(end, at).some(octet => octet !== 0)) return false
  }
  return true
}
