import fc from 'fast-check'
import type { Address } from '../../src/base/address.ts'
import type { ChannelNumber } from '../../src/base/ids.ts'
import type { AllocateOptions } from '../../src/client/allocate-options.ts'
import { NOBODY_SLOWED, type Slowed } from '../../src/core/buckets.ts'
import { DATA, XOR_PEER_ADDRESS } from '../../src/wire/attributes.ts'
import { writeChannelData } from '../../src/wire/channel.ts'
import { Method } from '../../src/wire/message.ts'
import { Sim, type SimOptions, usualReach } from './sim.ts'
import type { SimClient } from './sim-client.ts'
import type { SimPeer } from './sim-peer.ts'

/** Something that somebody in the world does. Clients and targets are numbers, taken modulo how many there are. */
export type Action =
  | {
      readonly kind: 'allocate'
      readonly client: number
      readonly options: AllocateOptions
      readonly token: boolean
    }
  | {
      readonly kind: 'refresh'
      readonly client: number
      readonly lifetime: number | undefined
      readonly family: 4 | 6 | undefined
    }
  | { readonly kind: 'permit'; readonly client: number; readonly targets: readonly number[] }
  | { readonly kind: 'bind'; readonly client: number; readonly channel: number; readonly target: number }
  | { readonly kind: 'talk'; readonly words: readonly Word[] }
  | { readonly kind: 'advance'; readonly milliseconds: number }
  | { readonly kind: 'garbage'; readonly client: number; readonly bytes: Uint8Array }
  | {
      readonly kind: 'mutate'
      readonly client: number
      readonly method: number
      readonly at: number
      readonly octet: number
    }
  | { readonly kind: 'hang-up'; readonly client: number }
  | { readonly kind: 'drain'; readonly on: boolean }
  | { readonly kind: 'fail-bind'; readonly family: 4 | 6 }
  | { readonly kind: 'policy'; readonly strict: boolean }
  | { readonly kind: 'unreachable'; readonly client: number; readonly target: number; readonly type: number }
  | { readonly kind: 'revoke'; readonly client: number }
  | { readonly kind: 'move'; readonly client: number; readonly via: 'udp' | 'tcp' }

/** One datagram of data, by whoever. */
export type Word =
  | { readonly by: 'channel'; readonly client: number; readonly channel: number; readonly length: number }
  | { readonly by: 'indication'; readonly client: number; readonly target: number; readonly length: number }
  | { readonly by: 'peer'; readonly peer: number; readonly client: number; readonly length: number }

const CLIENTS = [
  { at: '192.0.2.10:50000', user: '@alice:example.org', via: 'udp' },
  { at: '192.0.2.10:50001', user: '@alice:example.org', via: 'udp' },
  { at: '[2001:db8::10]:50000', user: '@bob:example.org', via: 'udp' },
  { at: '192.0.2.11:50000', user: '@carol:example.org', via: 'tcp' },
] as const
const PEERS = [
  '198.51.100.7:40000',
  '198.51.100.7:40001',
  '198.51.100.8:40000',
  '198.51.100.9:0',
  '10.0.0.1:40000',
  '[2001:db8::b0b]:40000',
] as const
const CHANNELS = [0x4000, 0x4001, 0x4fff, 0x5000]

const client = fc.nat(CLIENTS.length - 1)
/** Peers, and then the relayed addresses of the clients. */
const target = fc.nat(PEERS.length + CLIENTS.length - 1)
const channel = fc.constantFrom(...CHANNELS)
const length = fc.constantFrom(0, 1, 3, 4, 160, 1200)
const family = fc.constantFrom<(4 | 6 | undefined)[]>(undefined, undefined, 4, 6)

export const word: fc.Arbitrary<Word> = fc.oneof(
  fc.record({ by: fc.constant('channel' as const), client, channel, length }),
  fc.record({ by: fc.constant('indication' as const), client, target, length }),
  fc.record({ by: fc.constant('peer' as const), peer: fc.nat(PEERS.length - 1), client, length }),
)

const talk = (most: number): fc.Arbitrary<Action> =>
  fc.record({ kind: fc.constant('talk' as const), words: fc.array(word, { minLength: 1, maxLength: most }) })

/** Actions as clients, peers, operators and attackers do them; at most `burst` datagrams at one moment. */
export function actions(burst: number): fc.Arbitrary<Action[]> {
  const action = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('allocate' as const),
        client,
        token: fc.boolean(),
        options: fc
          .record({
            dual: fc.boolean(),
            port: fc.constantFrom('any' as const, 'any' as const, 'even' as const, 'pair' as const),
            lifetime: fc.constantFrom(0, 600, 700, 3600),
            mobility: fc.boolean(),
          })
          .chain(options =>
            family.map(named => (named && !options.dual ? { ...options, family: named } : options)),
          ),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('refresh' as const),
        client,
        lifetime: fc.constantFrom(undefined, undefined, 0, 700),
        family,
      }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('permit' as const),
        client,
        targets: fc.array(target, { minLength: 0, maxLength: 3 }),
      }),
    },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('bind' as const), client, channel, target }) },
    { weight: 14, arbitrary: talk(burst) },
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('advance' as const),
        milliseconds: fc.constantFrom(1, 400, 1000, 30_000, 60_000, 239_600, 299_999, 300_000, 600_000),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('garbage' as const),
        client,
        bytes: fc.uint8Array({ maxLength: 64 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('mutate' as const),
        client,
        method: fc.constantFrom<number[]>(1, 3, 4, 6, 8, 9),
        at: fc.nat(200),
        octet: fc.nat(255),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('hang-up' as const), client }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('drain' as const), on: fc.boolean() }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('fail-bind' as const),
        family: fc.constantFrom<(4 | 6)[]>(4, 6),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('policy' as const), strict: fc.boolean() }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('unreachable' as const), client, target, type: fc.nat(12) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('revoke' as const), client }) },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('move' as const),
        client,
        via: fc.constantFrom('udp' as const, 'tcp' as const),
      }),
    },
  )
  const list = fc.array(action, { minLength: 10, maxLength: 80, size: 'max' })
  return fc.tuple(beginning, list).map(([first, then]) => [...first, ...then])
}

/** Most stories begin with somebody allocating and letting somebody in. */
const beginning: fc.Arbitrary<Action[]> = fc
  .array(fc.tuple(client, fc.boolean(), fc.constantFrom(0x4000, 0x4001), fc.constantFrom(0, 1, 2, 5, 6, 7)), {
    maxLength: 4,
  })
  .map(stories =>
    stories.flatMap(([who, dual, number, whom]): Action[] => [
      { kind: 'allocate', client: who, options: { dual, lifetime: 3600, mobility: true }, token: false },
      { kind: 'permit', client: who, targets: [0] },
      { kind: 'bind', client: who, channel: number, target: whom },
    ]),
  )

/** A small and crowded world: few ports, low limits, four clients, six peers. */
export class Stage {
  readonly sim: Sim
  readonly clients: SimClient[]
  readonly peers: SimPeer[]
  /** What the policy says now. */
  strict = false
  /** Where each client was relayed last, live or not. */
  readonly #relayed: (Address | undefined)[] = []
  /** Clients that went on elsewhere, by those that they are now. */
  readonly before = new Map<SimClient, SimClient>()
  #token: Buffer | undefined
  #said = 0
  #moves = 0

  constructor(options: SimOptions = {}) {
    this.sim = new Sim({
      ports: [50_000, 50_005],
      allocationsPerUser: 3,
      ...options,
      limits: { permissionsPerAllocation: 3, channelsPerAllocation: 2, ...options.limits },
      reach: peer => this.reach(peer),
    })
    this.clients = CLIENTS.map(({ at, user, via }) => this.sim.client(at, { user, via }))
    this.peers = PEERS.map(at => this.sim.peer(at))
  }

  /** The peer policy; the strict one denies 198.51.100.8 as well. */
  reach(peer: Address): ReturnType<typeof usualReach> {
    if (this.strict && peer.family === 4 && peer.ip[0] === 198 && peer.ip[3] === 8) return 'no'
    return usualReach(peer)
  }

  do(action: Action): void {
    const { sim } = this
    switch (action.kind) {
      case 'allocate': {
        const reservation = action.token ? this.#token : undefined
        const client = this.clients[action.client]!
        client.turn.allocate(reservation ? { reservation } : action.options, sim.now)
        client.flush()
        break
      }
      case 'refresh': {
        const { lifetime, family } = action
        const client = this.clients[action.client]!
        client.turn.refresh(
          { ...(lifetime === undefined ? {} : { lifetime }), ...(family ? { family } : {}) },
          sim.now,
        )
        client.flush()
        break
      }
      case 'permit': {
        const client = this.clients[action.client]!
        client.turn.permit(
          action.targets.map(one => this.target(one)),
          sim.now,
        )
        client.flush()
        break
      }
      case 'bind': {
        const client = this.clients[action.client]!
        client.turn.bind(action.channel as ChannelNumber, this.target(action.target), sim.now)
        client.flush()
        break
      }
      case 'talk':
        for (const one of action.words) this.#say(one)
        sim.settle()
        break
      case 'advance':
        sim.advance(action.milliseconds)
        break
      case 'garbage':
        this.clients[action.client]!.sendRaw(Buffer.from(action.bytes))
        break
      case 'mutate': {
        const client = this.clients[action.client]!
        const bytes = client.craft(action.method, {
          class: action.method === Method.Send ? 'indication' : 'request',
          sign: action.method === Method.Send || action.method === 1 ? 'none' : 'sha1',
          nonce: client.turn.nonce,
          fields: writer =>
            writer.set(XOR_PEER_ADDRESS, this.peers[0]!.address).set(DATA, Buffer.from('mutant')),
        })
        const at = action.at % bytes.length
        bytes[at] = bytes[at] === action.octet ? action.octet ^ 1 : action.octet
        client.sendRaw(bytes)
        break
      }
      case 'hang-up':
        this.#reconnect(action.client)
        break
      case 'drain':
        sim.drain(action.on)
        break
      case 'fail-bind':
        sim.failNextBind('EADDRINUSE', action.family)
        break
      case 'policy':
        this.strict = action.strict
        sim.configure({})
        break
      case 'unreachable': {
        const relayed = this.clients[action.client]!.turn.relayed[0]
        const peer = this.target(action.target)
        if (relayed && sim.world.socketAt(relayed) !== undefined && relayed.family === peer.family) {
          sim.unreachable(relayed, peer, { type: action.type, code: 0, data: 1280 })
        }
        break
      }
      case 'revoke': {
        const { address } = this.clients[action.client]!
        for (const allocation of [...sim.relay.allocations()]) {
          if (allocation.client.address.key === address.key) {
            sim.shard.take({ kind: 'revoke', allocation: allocation.id, reason: 'revoked' })
          }
        }
        sim.settle()
        break
      }
      case 'move':
        this.#move(action.client, action.via)
        break
    }
    this.#learn()
  }

  /** The RESERVATION-TOKEN that a client was given last. */
  get token(): Buffer | undefined {
    return this.#token
  }

  /** The address a target's number stands for. */
  target(number: number): Address {
    const peer = this.peers[number]
    if (peer) return peer.address
    return this.#relayed[number - PEERS.length] ?? this.peers[0]!.address
  }

  /** Lets everything end: allocations, reservations, and answers that are remembered. */
  end(): void {
    this.sim.drain(true)
    this.sim.advance(3_700_000)
    this.sim.advance(50_000)
  }

  /** Goes on from another address, and says nothing there yet. */
  #move(number: number, via: 'udp' | 'tcp'): void {
    const client = this.clients[number]!
    if (!client.turn.isMobile) return
    const next = client.at(`198.18.0.${number}:${10_000 + this.#moves++}`, { via })
    next.turn.resume(this.sim.now)
    next.flush()
    if (next.turn.relayed.length === 0) return
    this.before.set(next, client)
    this.clients[number] = next
  }

  #say(word: Word): void {
    const payload = Buffer.alloc(word.length, this.#said++)
    if (word.by === 'peer') {
      const relayed = this.#relayed[word.client]
      const peer = this.peers[word.peer]!
      if (relayed && relayed.family === peer.address.family) this.sim.net.send(peer.address, relayed, payload)
      return
    }
    const client = this.clients[word.client]!
    if (word.by === 'channel') {
      const bytes = writeChannelData(word.channel as ChannelNumber, payload)
      client.post(Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]))
      return
    }
    client.turn.sendIndication(this.target(word.target), payload)
    for (const bytes of client.turn.drain()) client.post(bytes)
  }

  /** Ends a stream client's connection; it comes back from another port. */
  #reconnect(index: number): void {
    const client = this.clients[index]!
    if (client.socket === undefined) return
    client.hangUp()
    const { user } = CLIENTS[index]!
    const port = 50_000 + (this.#said++ % 1000)
    this.clients[index] = this.sim.client(`192.0.2.11:${port}`, { user, via: 'tcp' })
  }

  #learn(): void {
    for (const [i, client] of this.clients.entries()) {
      this.#relayed[i] = client.turn.relayed[0] ?? this.#relayed[i]
      for (let at = client.events.length - 1; at >= 0; at--) {
        const event = client.events[at]!
        if (event.kind !== 'allocated') continue
        if (event.reservation) this.#token = event.reservation
        break
      }
    }
  }
}

/** Octets a second, which a burst of words is above. */
const SLOW = 1500
/** Whose budgets are used up, in turns: one user's, a homeserver's, everybody's, nobody's. */
const SPENT: readonly Slowed[] = [
  { tenants: new Map([['example.org', { users: new Map([['@alice:example.org', SLOW]]) }]]) },
  { tenants: new Map([['example.org', { all: SLOW, users: new Map() }]]) },
  { all: 2 * SLOW, tenants: new Map() },
  NOBODY_SLOWED,
]

/** The same world, in which budgets are used up and renewed all the time. */
export class BudgetedStage extends Stage {
  #actions = 0

  override do(action: Action): void {
    super.do(action)
    if (++this.#actions % 3 === 0) this.sim.slow(SPENT[(this.#actions / 3) % SPENT.length]!)
  }
}
