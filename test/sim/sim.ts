import { type Address, type Family, parseAddress } from '../../src/base/address.ts'
import { Counters } from '../../src/base/counters.ts'
import type { MeterId } from '../../src/base/ids.ts'
import { Lifetimes } from '../../src/base/lifetimes.ts'
import type { Seconds, Time } from '../../src/base/time.ts'
import { Buckets, type Slowed } from '../../src/core/buckets.ts'
import type { Authenticate } from '../../src/core/candidate.ts'
import type { RelayConfig } from '../../src/core/config.ts'
import type { Witness } from '../../src/core/decisions.ts'
import type { Environment, Reach } from '../../src/core/environment.ts'
import type { Event, Owner } from '../../src/core/event.ts'
import { Relay } from '../../src/core/relay.ts'
import type { AllocationJournal } from '../../src/core/snapshot/journal.ts'
import type { Forwarder } from '../../src/forward/forwarder.ts'
import { RouteTable } from '../../src/forward/route-table.ts'
import { Meters } from '../../src/limits/meters.ts'
import { sealing } from '../../src/relay/sealing.ts'
import { Shard } from '../../src/shard/shard.ts'
import { longTermKey, userhash } from '../../src/wire/integrity.ts'
import { PickyForwarder } from './picky-forwarder.ts'
import { REALM, SERVER } from './places.ts'
import { dice, octets, seedOf } from './random.ts'
import { SimClient, type SimClientOptions } from './sim-client.ts'
import { SimNet } from './sim-net.ts'
import { SimPeer } from './sim-peer.ts'
import { isRelayIp, SimWorld, type SimWorldOptions } from './sim-world.ts'
import { Timeline } from './timeline.ts'

export interface SimOptions extends Partial<SimWorldOptions> {
  readonly seed?: number
  /** Milliseconds one way, and what is added at random. */
  readonly latency?: number
  readonly jitter?: number
  readonly loss?: number
  readonly duplication?: number
  /** Which forwarders there are, the preferred one first. `none`: the core relays every datagram itself. */
  readonly forwarder?: keyof typeof FORWARDERS
  /** Makes the one forwarder there is, in the place of those above. */
  readonly makeForwarder?: (parts: ForwarderParts) => Forwarder
  /** Replaces parts of the relay's configuration. */
  readonly config?: Partial<RelayConfig>
  readonly limits?: Partial<RelayConfig['limits']>
  /** Peer policy. Unless said otherwise 10.0.0.0/8 is denied, and our relayed addresses are local. */
  readonly reach?: (peer: Address) => Reach
  /** Looks users up; unless said otherwise, `user` and `password` of every simulated client. */
  readonly authenticate?: Authenticate
  /** Watches the relay. */
  readonly witness?: Witness
  /** Keeps what a successor has to know. */
  readonly journal?: AllocationJournal
  /** Replaces parts of what the relay asks. */
  readonly environment?: Partial<Environment>
}

/** What a forwarder of a simulated relay may need. */
export interface ForwarderParts {
  readonly sim: Sim
  readonly table: RouteTable
  readonly meters: Meters
}

const FORWARDERS = {
  none: [],
  table: ['table'],
  picky: ['picky'],
  'picky, then table': ['picky', 'table'],
  'picky twice, then table': ['picky', 'picky', 'table'],
} as const

/** 2027-01-15 08:00:00 UTC. */
export const START = 1_800_000_000_000 as Time

/**
 * A relay as it runs in production (shard, core and route table) in a
 * simulated world: time passes only in `advance`, chance comes from `seed`, so
 * a failing run repeats exactly.
 *
 *     const sim = new Sim()
 *     const bob = sim.peer('198.51.100.7:40000')
 *     const alice = sim.client('192.0.2.10:50000')
 *     alice.allocate()
 *     alice.bind(0x4001, bob)
 *     alice.send(0x4001, 'hello')
 *
 * Requests wait for their answer, and nothing else makes time pass.
 */
export class Sim {
  readonly timeline = new Timeline(START)
  readonly net: SimNet
  readonly world: SimWorld
  readonly relay: Relay
  readonly lifetimes = new Lifetimes()
  readonly shard: Shard
  readonly forwarders: readonly Forwarder[]
  readonly counters = new Counters()
  readonly buckets: CountedBuckets
  readonly config: RelayConfig
  /** Milliseconds within which the server has answered, if at all. */
  readonly roundTrip: number
  readonly #users = new Map<string, string>()
  readonly #seed: number
  #reach: Environment['reach']
  #authenticate: Authenticate

  constructor(options: SimOptions = {}) {
    const seed = (this.#seed = options.seed ?? 1)
    const faults = {
      seed,
      latency: options.latency ?? 0,
      jitter: options.jitter ?? 0,
      loss: options.loss ?? 0,
      duplication: options.duplication ?? 0,
    }
    const worldOptions: SimWorldOptions = {
      relayFamilies: options.relayFamilies ?? [4, 6],
      ports: options.ports ?? [49152, 65535],
      ...(options.sharedPorts && { sharedPorts: options.sharedPorts }),
      allocationsPerUser: options.allocationsPerUser ?? Number.POSITIVE_INFINITY,
      openDelay: options.openDelay ?? 0,
      batching: options.batching ?? 16,
    }
    this.roundTrip = 2 * (faults.latency + faults.jitter) + worldOptions.openDelay
    this.config = relayConfig(options)
    this.#reach = options.reach ?? usualReach
    this.#authenticate = options.authenticate ?? (request => this.#lookUp(request))
    const environment: Environment = {
      random: octets(dice(seedOf(seed, 'relay'))),
      wall: at => at,
      reach: peer => this.#reach(peer),
      authenticate: request => this.#authenticate(request),
      sealing,
      ...options.environment,
    }
    this.net = new SimNet(this.timeline, faults)
    const meters = new Meters()
    this.buckets = new CountedBuckets(meters, this.config.limits)
    const { config, counters, buckets, lifetimes } = this
    this.relay = new Relay({
      config,
      environment,
      counters,
      meters,
      lifetimes,
      buckets,
      witness: options.witness,
      journal: options.journal,
    })
    const table = (name: string) =>
      new RouteTable(this.counters, meters, this.lifetimes, octets(dice(seedOf(seed, name))))
    const picky = (at: number) =>
      new PickyForwarder(table(`routes ${at}`), this.timeline, settled => this.shard.settled(...settled))
    this.forwarders = options.makeForwarder
      ? [options.makeForwarder({ sim: this, table: table('routes'), meters })]
      : FORWARDERS[options.forwarder ?? 'table'].map((kind, at) =>
          kind === 'table' ? table('routes') : picky(at),
        )
    let world: SimWorld | undefined
    const roll = dice(seedOf(seed, 'ports'))
    this.shard = new Shard(this.relay, this.forwarders, inbox => {
      world = new SimWorld(inbox, this.net, this.timeline, roll, worldOptions)
      return world
    })
    this.world = world!
    this.world.listen(SERVER[4])
    this.world.listen(SERVER[6])
    this.#tickEverySecond()
  }

  get now(): Time {
    return this.timeline.now()
  }

  /** A further UDP listener. */
  listen(at: string): Address {
    const listener = parseAddress(at)!
    this.world.listen(listener)
    return listener
  }

  peer(at: string): SimPeer {
    return new SimPeer(parseAddress(at)!, this.net, () => this.settle())
  }

  client(at: string, options: SimClientOptions = {}): SimClient {
    const user = options.user ?? '@alice:example.org'
    const password = options.password ?? `password of ${user}`
    if (options.registered !== false) this.#users.set(options.username ?? user, password)
    const random = octets(dice(seedOf(this.#seed, `client ${at}`)))
    const wrong = options.wrongPassword ? `not the ${password}` : password
    return new SimClient(this, parseAddress(at)!, { ...options, user, password: wrong }, random)
  }

  /** A user that nobody has a connection for yet. */
  register(user: string, password: string): void {
    this.#users.set(user, password)
  }

  /** Lets time pass, delivering and ticking as it goes. */
  advance(milliseconds: number): void {
    this.timeline.runUntil((this.now + milliseconds) as Time)
  }

  /** Does everything that is due now; no time passes. */
  settle(): void {
    this.timeline.runUntil(this.now)
  }

  /** Lets time pass until `done`, at most `milliseconds`. */
  wait(done: () => boolean, milliseconds: number): void {
    const end = (this.now + milliseconds) as Time
    this.settle()
    while (!done()) {
      const next = this.timeline.next()
      if (next === undefined || next > end) break
      this.timeline.runUntil(next)
    }
  }

  /** Makes the next bind of a relay socket fail, in either family or in this one. */
  failNextBind(_error: 'EADDRINUSE', family?: Family): void {
    this.world.failNextBind(family)
  }

  /** Reports an ICMP error for a datagram that went from a relayed address to a peer. */
  unreachable(relayed: Address, peer: Address, icmp: { type: number; code: number; data?: number }): void {
    const socket = this.world.socketAt(relayed)
    if (socket === undefined) throw new Error('nothing is bound there')
    this.shard.unreachable({ socket, peer, type: icmp.type, code: icmp.code, data: icmp.data ?? 0 })
    this.settle()
  }

  drain(on: boolean): void {
    this.shard.take({ kind: 'drain', on })
    this.settle()
  }

  /** Memory is nearly full, or no longer is. */
  memory(isShort: boolean): void {
    this.shard.take({ kind: 'memory', isShort })
    this.settle()
  }

  /** Changes the relay's configuration as a reload would. */
  configure(
    change: Partial<RelayConfig>,
    decide: Partial<Pick<Environment, 'authenticate' | 'reach'>> = {},
  ): void {
    if (decide.reach) this.#reach = decide.reach
    this.#authenticate = decide.authenticate ?? (request => this.#lookUp(request))
    this.shard.take({ kind: 'configure', config: { ...this.config, ...change } })
  }

  /** These users have used up their budgets. */
  slow(slowed: Slowed): void {
    this.shard.take({ kind: 'slow', slowed })
    this.settle()
  }

  /** The facts of one kind, first to last. */
  told<K extends Event['kind']>(kind: K): (Event & { kind: K })[] {
    return this.world.events.filter((event): event is Event & { kind: K } => event.kind === kind)
  }

  /** Allocations that live in the core. */
  get allocations(): number {
    return [...this.relay.allocations()].length
  }

  #tickEverySecond(): void {
    const next = (this.now + 1000) as Time
    this.timeline.at(next, () => {
      this.shard.tick()
      this.#tickEverySecond()
    })
  }

  #lookUp(request: Parameters<Authenticate>[0]): ReturnType<Authenticate> {
    const found = [...this.#users].filter(([username]) =>
      request.username === undefined
        ? userhash(username, request.realm).equals(request.userhash ?? Buffer.alloc(0))
        : username === request.username,
    )
    return found.map(([username, password]) => ({
      tenant: 'example.org',
      user: username,
      username,
      key: longTermKey(username, request.realm, password, request.algorithm),
      expired: false,
      paused: false,
    }))
  }
}

/** Token buckets that know how many takers have not given them back. */
class CountedBuckets extends Buckets {
  takers = 0

  override take(owner: Owner, now: Time): readonly MeterId[] {
    this.takers++
    return super.take(owner, now)
  }

  override give(ids: readonly MeterId[]): void {
    this.takers--
    super.give(ids)
  }
}

export const seconds = (count: number): number => count * 1000
export const minutes = (count: number): number => count * 60_000

export function usualReach(peer: Address): Reach {
  if (isRelayIp(peer)) return 'local'
  return peer.family === 4 && peer.ip[0] === 10 ? 'no' : 'yes'
}

function relayConfig(options: SimOptions): RelayConfig {
  return {
    realm: REALM,
    reasonPhrases: false,
    mappedAddress: false,
    classicStun: false,
    legacyChannelNumbers: false,
    sha256: true,
    userhash: false,
    lifetime: { default: 600 as Seconds, max: 3600 as Seconds },
    nonceLifetime: 600 as Seconds,
    families: [4, 6],
    defaultFamily: 'ipv4',
    dontFragment: false,
    mobility: true,
    strictExpiry: false,
    ...(options.sharedPorts && { sharedPorts: options.sharedPorts }),
    ...options.config,
    limits: {
      permissionsPerAllocation: 256,
      channelsPerAllocation: 256,
      permissionsPerUser: 8192,
      channelsPerUser: 8192,
      permissions: 262_144,
      channels: 262_144,
      ...options.limits,
    },
  }
}
