import { formatAddress } from '../../../src/base/address.ts'
import type { ChannelNumber } from '../../../src/base/ids.ts'
import type { RelayConfig } from '../../../src/core/config.ts'
import { XOR_PEER_ADDRESS } from '../../../src/wire/attributes.ts'
import { writeChannelData } from '../../../src/wire/channel.ts'
import { longTermKey } from '../../../src/wire/integrity.ts'
import { Stage } from '../../sim/actions.ts'
import { challenge } from '../../sim/craft.ts'
import { REALM } from '../../sim/places.ts'
import type { Sim, SimOptions } from '../../sim/sim.ts'
import type { SimClient } from '../../sim/sim-client.ts'
import { Octets } from '../octets.ts'
import {
  mutateProgram,
  OPERATIONS,
  PEER,
  readProgram,
  type Step,
  step,
  TOKEN,
  writeProgram,
} from '../program.ts'
import { fingerprinted, join, messageType, signed, split } from '../stun.ts'
import { must, type Target } from '../target.ts'
import { Witness } from '../witness.ts'

/** The relay in its simulated world: the octets are a program of what clients, peers, attackers and operators do. */
export const relay: Target = {
  name: 'relay',
  longest: 4096,
  slow: 150,
  seeds,
  run(input) {
    const { world, steps } = readProgram(input)
    play(new Story(optionsOf(world)), steps, (world & 0x40) !== 0)
  },
  mutate: mutateProgram,
}

/** The same story with and without the route table: everybody outside must see the same. */
export const twins: Target = {
  ...relay,
  name: 'twins',
  run(input) {
    const { world, steps } = readProgram(input)
    // Which datagram of a batch a bandwidth limit hits is not part of the promise.
    const options = { ...optionsOf(world & ~0x04), batching: 1 }
    const fast = new Story({ ...options, forwarder: 'table' })
    const slow = new Story({ ...options, forwarder: 'none' })
    for (const each of steps) {
      fast.do(each)
      slow.do(each)
    }
    must(seen(fast.stage) === seen(slow.stage), 'the route table makes a difference')
  },
}

function optionsOf(world: number): SimOptions {
  return {
    forwarder: world & 0x01 ? 'none' : 'table',
    batching: world & 0x02 ? 1 : 8,
    openDelay: world & 0x08 ? 700 : 0,
    limits: world & 0x04 ? { bytesPerSecondPerUser: 2000, bytesPerSecond: 3000 } : {},
    config: {
      classicStun: (world & 0x10) !== 0,
      legacyChannelNumbers: (world & 0x20) !== 0,
      userhash: (world & 0x20) !== 0,
      mappedAddress: (world & 0x10) !== 0,
      dontFragment: (world & 0x80) !== 0,
    },
  }
}

function play(story: Story, steps: readonly Step[], toTheEnd: boolean): void {
  const { stage } = story
  const { sim } = stage
  const empty = JSON.stringify(sim.relay.sizes())
  const witness = new Witness(stage)
  for (const each of steps) {
    const before = OPERATIONS[each.operation] === 'raw' ? granted(sim) : undefined
    story.do(each)
    witness.look(OPERATIONS[each.operation] === 'policy')
    must(before === undefined || before === granted(sim), 'an unsigned datagram left something')
  }
  if (!toTheEnd) return
  stage.end()
  must(JSON.stringify(sim.relay.sizes()) === empty, `left: ${JSON.stringify(sim.relay.sizes())}`)
  must(sim.world.claims.length === sim.world.settled, 'a claim without end')
  must(sim.world.relaySockets().length === 0, 'a relay socket is left')
  must(sim.buckets.takers === 0, 'a token bucket was not given back')
  must(sim.world.held.size === 0, 'a unit of some quota is left')
  const closed = sim.told('closed').map(event => event.allocation)
  must(new Set(closed).size === closed.length, 'closed twice')
  must(
    sim.told('opened').every(({ allocation }) => closed.includes(allocation)),
    'opened and never closed',
  )
}

/** How much of everything there is but routes and their links: data makes those, of what was granted before. The witness counts them. */
function granted(sim: Sim): string {
  const { peers: _, links: __, ...rest } = sim.relay.sizes()
  return JSON.stringify(rest)
}

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
class Story {
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

/** All that anybody outside has seen, as text. */
function seen(stage: Stage): string {
  const hex = (list: readonly Buffer[]) =>
    list.map(bytes => `${bytes.length}:${bytes.toString('hex', 0, 8)}`).sort()
  return JSON.stringify([
    stage.clients.map(client => [
      client.errors,
      client.received
        .map(({ peer, bytes }) => `${formatAddress(peer)} ${bytes.length}:${bytes[0] ?? ''}`)
        .sort(),
    ]),
    stage.peers.map(peer => hex(peer.datagrams.map(({ bytes }) => bytes))),
    stage.sim.told('closed').map(({ traffic }) => traffic),
    (['udp', 'tcp'] as const).map(via => stage.sim.counters.traffic(via)),
  ])
}

/** A call from its beginning to its end, in each of a few ways. */
function seeds(): Buffer[] {
  const allocate = (client: number, bits = 0) => step('allocate', client, bits, 0)
  const call = (client: number, target: number) => [
    allocate(client),
    step('permit', client, 1, target),
    step('indication', client, 1, target),
    step('peer', client, target, 1),
    step('peer', client, target, 3),
    step('bind', client, 0, target),
    step('channel', client, 0, 6),
    step('indication', client, 6, target),
    step('peer', client, target, 6),
  ]
  const attribute = (type: number, value = Buffer.alloc(0)) =>
    join([{ type, length: value.length, octets: Buffer.concat([value, Buffer.alloc(-value.length & 3)]) }])
  const request = (client: number, how: number, method: number, ...attributes: Buffer[]) =>
    step('signed', client, how, method, 0, method, ...attributes)
  const transport = attribute(0x0019, Buffer.from([17, 0, 0, 0]))
  const stories: Step[][] = [
    call(0, 0),
    [...call(2, 5), step('refresh', 2, 1, 0)],
    [...call(3, 0), step('hang-up', 3)],
    [
      ...call(0, 0),
      ...call(1, 6),
      step('permit', 0, 1, 7),
      step('channel', 1, 0, 6),
      step('burst', 0, 7, 6, 2, 6, 1),
    ],
    [allocate(0, 3), allocate(1, 16), step('advance', 3, 2)],
    [allocate(0, 4), step('permit', 0, 2, 0, 5), step('refresh', 0, 1, 1), step('refresh', 0, 1, 2)],
    [
      step('drain', 0, 1),
      allocate(0),
      step('drain', 0, 0),
      allocate(0),
      step('policy', 0, 1),
      step('permit', 0, 1, 2),
    ],
    [
      ...call(0, 2),
      step('policy', 0, 1),
      step('channel', 0, 0, 6),
      step('reload', 0, 8),
      step('channel', 0, 0, 6),
    ],
    [...call(0, 0), step('unreachable', 0, 0, 3), step('revoke', 0), step('fail-bind', 0, 0), allocate(0)],
    [
      request(0, 0, 3, transport),
      request(0, 0, 8, attribute(PEER)),
      request(0, 0, 9, attribute(0x000c, Buffer.from([0x40, 0, 0, 0])), attribute(PEER + 1)),
      step('signed', 0, 3, 6, 1, 7, attribute(PEER), attribute(0x0013, Buffer.from('hello'))),
      request(0, 0, 4, attribute(0x000d, Buffer.alloc(4))),
    ],
    [request(0, 0x02, 3, transport), request(1, 0x10, 3, transport), request(0, 0x40, 3, transport)],
    [
      request(0, 0x80, 3, transport, attribute(0x0018, Buffer.from([0x80]))),
      request(1, 0, 3, transport, attribute(TOKEN, Buffer.alloc(8))),
    ],
    [step('raw', 0, Buffer.from('000100002112a442000000000000000000000000', 'hex'))],
    [step('raw', 0, Buffer.from('0001000000000000000000000000000000000000', 'hex'))],
  ]
  return stories.flatMap(story => [0, 1, 8, 0x44, 0x70].map(world => writeProgram(world, story)))
}
