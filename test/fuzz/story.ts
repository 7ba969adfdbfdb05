import type { ChannelNumber } from '../../src/base/ids.ts'
import type { RelayConfig } from '../../src/core/config.ts'
import { XOR_PEER_ADDRESS } from '../../src/wire/attributes.ts'
import { writeChannelData } from '../../src/wire/channel.ts'
import { longTermKey } from '../../src/wire/integrity.ts'
import { Stage } from '../sim/actions.ts'
import { challenge } from '../sim/craft.ts'
import { REALM } from '../sim/places.ts'
import type { SimOptions } from '../sim/sim.ts'
import type { SimClient } from '../sim/sim-client.ts'
import { Octets } from './octets.ts'
import { OPERATIONS, PEER, type Step, TOKEN } from './program.ts'
import { fingerprinted, join, messageType, signed, split } from './stun.ts'

const LENGTHS = [0, 1, 2, 3, 4, 5, 160, 1200]
const TIMES = [1, 400, 999, 1000, 30_000, 60_000, 239_600, 299_999, 300_000, 300_001, 600_000]
const RELOADS: readonly Partial<RelayConfig>[] = [
  {},
  { sha256: false },
  { userhash: true },
  { reasonPhrases: true, software: 'taciturn' },
  { families: [4] },
  { defaultFamily: 'listener' },
  { strictExpiry: true },
  { classicStun: true, mappedAddress: true },
  { realm: 'elsewhere.example' },
  { legacyChannelNumbers: true },
  { dontFragment: true },
]

/** A stage on which a program is played. */
export class Story {
  readonly stage: Stage
  #said = 0

  constructor(options: SimOptions) {
    this.stage = new Stage(options)
  }

  do({ operation, body }: Step): void {
    const { stage } = this
    const octets = new Octets(body)
    const number = octets.below(stage.clients.length)
    const client = stage.clients[number]!
    switch (OPERATIONS[operation]!) {
      case 'raw': {
        const bytes = octets.rest()
        if (bytes.length > 0 && bytes.length < 65_000) client.sendRaw(bytes)
        break
      }
      case 'signed':
        client.sendRaw(this.#sign(client, octets))
        break
      case 'allocate': {
        const bits = octets.u8()
        const port = ([undefined, 'any', 'even', 'pair'] as const)[bits & 3]
        const lifetime = octets.of([600, 0, 700, 3600])
        const dual = (bits & 4) !== 0
        const options = {
          dual,
          lifetime,
          ...(port ? { port } : {}),
          ...(bits & 8 && !dual ? { family: 6 as const } : {}),
        }
        stage.do({ kind: 'allocate', client: number, options, token: (bits & 16) !== 0 })
        break
      }
      case 'refresh':
        stage.do({
          kind: 'refresh',
          client: number,
          lifetime: octets.of([undefined, 0, 700, 3600]),
          family: octets.of([undefined, 4, 6] as const),
        })
        break
      case 'permit': {
        const targets = Array.from({ length: octets.below(4) }, () => octets.below(10))
        stage.do({ kind: 'permit', client: number, targets })
        break
      }
      case 'bind':
        stage.do({
          kind: 'bind',
          client: number,
          channel: 0x4000 + octets.of([0, 1, 2, 0xfff, 0x1000]),
          target: octets.below(10),
        })
        break
      case 'channel': {
        const channel = (0x4000 + octets.of([0, 1, 2, 0xfff, 0x1000])) as ChannelNumber
        const bytes = writeChannelData(channel, Buffer.alloc(octets.of(LENGTHS), ++this.#said))
        const padding = octets.u8()
        const lie = octets.u8()
        if (lie > 0) bytes.writeUInt16BE((bytes.length - 4 + lie) & 0xffff, 2)
        client.sendRaw(Buffer.concat([bytes, Buffer.alloc(padding & 3, 0xaa)]))
        break
      }
      case 'indication': {
        const length = octets.of(LENGTHS)
        stage.do({
          kind: 'talk',
          words: [{ by: 'indication', client: number, target: octets.below(10), length }],
        })
        break
      }
      case 'peer':
        stage.do({
          kind: 'talk',
          words: [{ by: 'peer', client: number, peer: octets.below(6), length: octets.of(LENGTHS) }],
        })
        break
      case 'advance':
        stage.sim.advance(TIMES[number * 3 + octets.below(3)] ?? 1000)
        break
      case 'hang-up':
        stage.do({ kind: 'hang-up', client: number })
        break
      case 'drain':
        stage.do({ kind: 'drain', on: octets.below(2) === 1 })
        break
      case 'fail-bind':
        stage.do({ kind: 'fail-bind', family: octets.of([4, 6] as const) })
        break
      case 'policy':
        stage.do({ kind: 'policy', strict: octets.below(2) === 1 })
        break
      case 'unreachable':
        stage.do({ kind: 'unreachable', client: number, target: octets.below(10), type: octets.below(13) })
        break
      case 'revoke':
        stage.do({ kind: 'revoke', client: number })
        break
      case 'reload':
        stage.sim.configure(octets.of(RELOADS))
        break
      case 'burst':
        this.#burst(number, octets)
        break
    }
  }

  /** Several datagrams at one moment, so that they share a batch. */
  #burst(number: number, octets: Octets): void {
    const words = Array.from({ length: 1 + octets.below(8) }, () => {
      const length = octets.of(LENGTHS)
      const who = octets.u8()
      const client = (number + (who >> 6)) % 4
      if ((who & 3) === 0) return { by: 'peer' as const, client, peer: (who >> 2) % 6, length }
      if ((who & 3) === 1) return { by: 'indication' as const, client, target: (who >> 2) % 10, length }
      return { by: 'channel' as const, client, channel: 0x4000 + ((who >> 2) & 1), length }
    })
    this.stage.do({ kind: 'talk', words })
  }

  /** A message with any attributes, credentials behind them, and a signature that is right more often than not. */
  #sign(client: SimClient, octets: Octets): Buffer {
    const how = octets.u8()
    const header = Buffer.alloc(20)
    const method = octets.u8()
    header.writeUInt16BE(messageType(method, octets.below(4)), 0)
    header.writeUInt32BE(0x2112a442, 4)
    header.fill(octets.u8(), 8)
    const list = split(octets.rest()).map(one => this.#fill(one, header))
    const username = how & 0x10 ? this.stage.clients[0]!.user : client.user
    const realm = client.turn.realm ?? REALM
    const credentials = [
      [0x0006, Buffer.from(username)],
      [0x0014, Buffer.from(realm)],
      [0x0015, Buffer.from(how & 0x20 ? 'obMatJos2AAAAAAAAAAAAAAAAAAAA' : nonceOf(client))],
    ] as const
    const own = credentials.map(([type, value]) => ({
      type,
      length: value.length,
      octets: Buffer.concat([value, Buffer.alloc(-value.length & 3)]),
    }))
    const body = join(how & 0x04 ? [...own, ...list] : [...list, ...own])
    let bytes: Buffer = Buffer.concat([header, body.subarray(0, body.length & ~3)])
    const password = how & 0x40 ? 'wrong' : client.password
    const algorithm = how & 0x02 ? 2 : 1
    const key = longTermKey(username, realm, password, algorithm)
    if ((how & 0x03) !== 0x03) bytes = signed(bytes, how & 0x02 ? 'sha256' : 'sha1', key)
    if (how & 0x80) bytes = fingerprinted(bytes)
    return bytes.length > 60_000 ? bytes.subarray(0, 60_000) : bytes
  }

  /** Puts in what only the running world knows. */
  #fill(one: ReturnType<typeof split>[number], header: Buffer): ReturnType<typeof split>[number] {
    if (one.type >= PEER && one.type < PEER + 16) {
      const value = XOR_PEER_ADDRESS.write(this.stage.target(one.type - PEER), header.subarray(8))
      return { type: XOR_PEER_ADDRESS.type, length: value.length, octets: value }
    }
    const { token } = this.stage
    return one.type === TOKEN && token ? { type: 0x0022, length: 8, octets: token } : one
  }
}

/** The nonce the client would use; it asks for one if it has none. */
function nonceOf(client: SimClient): string {
  if (client.turn.nonce) return client.turn.nonce
  try {
    return challenge(client).nonce
  } catch {
    return ''
  }
}
