import type { Address } from '../../src/base/address.ts'
import { addTraffic, noTraffic, type Traffic } from '../../src/base/route.ts'
import { longTermKey } from '../../src/wire/integrity.ts'
import { dice, seedOf } from '../sim/random.ts'
import { Sim, START } from '../sim/sim.ts'
import type { SimClient } from '../sim/sim-client.ts'
import type { SimPeer } from '../sim/sim-peer.ts'

const USERS = 500
/** Users are people of one of these, most of the first. */
const HOMESERVERS = ['example.org', 'family.example', 'company.example', 'club.example'] as const
/** Monday, 8 June 2026, 00:00 UTC, in milliseconds since the epoch. */
export const MONDAY = Date.UTC(2026, 5, 8)
const MINUTE = 60_000
const MINUTES = 7 * 24 * 60
/** Calls that begin in a minute of each hour of the day, on average. */
const BUSY = [...Array(7).fill(0), ...Array(10).fill(0.5), ...Array(5).fill(1), ...Array(2).fill(0.3)]

export interface Person {
  readonly homeserver: string
  readonly user: string
}

/** What arrived of somebody's calls, counted where it arrived: by the peers, and by the client itself. */
export interface Received extends Person {
  readonly traffic: Traffic
  calls: number
}

interface Caller {
  readonly person: Person
  readonly client: SimClient
  /** By which channel it sends, or to whom by Send indications. */
  readonly to: number | Address
  /** Sends to the relayed address, where the peer is not a client of ours too. */
  readonly peer: SimPeer | undefined
}

interface Call {
  readonly callers: readonly Caller[]
  readonly ends: number
}

/**
 * A week of 500 people who call, in simulated time: real TURN clients over UDP, TCP and TLS on either family, the shard
 * with its core and route table, and calls of a minute to an hour and a half, with other people of the relay and elsewhere.
 * They end as calls do: the client releases, hangs up, or is never heard of again. Some sign with a wrong password,
 * some want more allocations than they may have. The same for the same seed.
 */
export class SimulatedWeek {
  readonly sim: Sim
  /** By homeserver and user, with a NUL between them. */
  readonly received = new Map<string, Received>()
  readonly #roll: () => number
  readonly #calls = new Set<Call>()
  readonly #gone = new Set<Address['key']>()
  #places = 0

  constructor(seed: number) {
    const keys = new Map<string, Buffer>()
    this.#roll = dice(seedOf(seed, 'people'))
    this.sim = new Sim({
      seed,
      allocationsPerUser: 2,
      authenticate: ({ username = '', realm, algorithm }) => {
        const user = PEOPLE.get(username)
        if (!user) return []
        const name = `${username} ${algorithm}`
        const key = keys.get(name) ?? longTermKey(username, realm, `password of ${username}`, algorithm)
        keys.set(name, key)
        return [{ tenant: user.homeserver, user: username, username, key, expired: false, paused: false }]
      },
    })
    this.sim.net.intercept = from => this.#gone.has(from.key)
  }

  /** Milliseconds by the calendar. */
  readonly wall = (): number => this.sim.now - START + MONDAY

  /** Lets the week pass; `minute` is called at the end of each minute, and the next begins when it is done. */
  async pass(minute: () => Promise<void>): Promise<void> {
    for (let i = 0; i < MINUTES; i++) {
      const calls = BUSY[Math.floor(i / 60) % 24]!
      if (this.#chance(calls)) this.#begin()
      for (const call of this.#calls) {
        if (this.sim.now >= call.ends) this.#end(call)
        else this.#talk(call)
      }
      this.sim.advance(START + (i + 1) * MINUTE - this.sim.now)
      await minute()
    }
    for (const call of [...this.#calls]) this.#end(call)
    // Those that were never heard of again, until their allocations have expired.
    for (let i = 0; i < 61; i++) {
      this.sim.advance(MINUTE)
      await minute()
    }
  }

  #begin(): void {
    const first = this.#person()
    if (this.#chance(0.03)) {
      this.#client(first, { wrongPassword: true }).allocate()
      return
    }
    const second = this.#chance(0.4) ? this.#person() : undefined
    const length = MINUTE * Math.ceil(1 + 90 * this.#roll() ** 4)
    const callers = second ? this.#both(first, second) : this.#outside(first)
    if (callers.length > 0) this.#calls.add({ callers, ends: this.sim.now + length })
  }

  /** Somebody calls somebody who has no relay. */
  #outside(person: Person): Caller[] {
    const client = this.#opened(person)
    if (!client) return []
    const peer = this.sim.peer(`198.51.100.${this.#upTo(250) + 1}:${10_000 + (this.#places++ % 50_000)}`)
    return [{ person, client, to: this.#way(client, peer.address), peer }]
  }

  /** Two people of this relay, each with an allocation. */
  #both(one: Person, other: Person): Caller[] {
    const first = this.#opened(one)
    const second = this.#opened(other)
    if (first && second) {
      return [
        { person: one, client: first, to: this.#way(first, second.relayed), peer: undefined },
        { person: other, client: second, to: this.#way(second, first.relayed), peer: undefined },
      ]
    }
    first?.release()
    second?.release()
    return []
  }

  #way(client: SimClient, peer: Address): number | Address {
    if (this.#chance(0.8)) {
      client.bind(0x4001, peer)
      return 0x4001
    }
    client.permit(peer)
    return peer
  }

  #talk({ callers }: Call): void {
    for (const { client, to, peer } of callers) {
      const { relayed } = client
      for (let i = this.#upTo(3); i > 0; i--) {
        client.send(to, Buffer.alloc(this.#upTo(1200)))
        peer?.send(relayed, Buffer.alloc(this.#upTo(1200)))
      }
    }
  }

  #end(call: Call): void {
    this.#calls.delete(call)
    const [first, second] = call.callers
    for (const caller of call.callers) {
      const sum = this.#sumOf(caller.person)
      for (const { bytes } of caller.client.received) count(sum.traffic.toClient, bytes.length)
      const arrived = caller.peer?.datagrams ?? (caller === first ? second! : first!).client.received
      for (const { bytes } of arrived) count(sum.traffic.toPeer, bytes.length)
    }
    for (const { client, peer } of call.callers) {
      if (peer) this.sim.net.detach(peer.address)
      if (this.#chance(0.6)) client.release()
      else if (client.socket !== undefined) client.hangUp()
      else this.#gone.add(client.address.key)
    }
  }

  #opened(person: Person): SimClient | undefined {
    const client = this.#client(person)
    if (client.allocate().kind !== 'allocated') return undefined
    this.#sumOf(person).calls++
    return client
  }

  #client({ user }: Person, options: { readonly wrongPassword?: boolean } = {}): SimClient {
    const place = this.#places++
    const [high, low] = [place >> 8, place & 0xff]
    const at = this.#chance(0.5) ? `20.1.${high}.${low}:5000` : `[2a00:1:${place.toString(16)}::1]:5000`
    const via = (['udp', 'udp', 'tcp', 'tls'] as const)[this.#upTo(4)]!
    return this.sim.client(at, { ...options, user, via, registered: false, keepAlive: true })
  }

  #sumOf({ homeserver, user }: Person): Received {
    const key = `${homeserver}\0${user}`
    const sum = this.received.get(key) ?? { homeserver, user, traffic: noTraffic(), calls: 0 }
    this.received.set(key, sum)
    return sum
  }

  #person(): Person {
    // Some people call far more than others.
    return [...PEOPLE.values()][Math.floor(USERS * this.#roll() ** 1.3)]!
  }

  #upTo(count: number): number {
    return Math.floor(this.#roll() * count)
  }

  #chance(of: number): boolean {
    return this.#roll() < of
  }
}

const PEOPLE = new Map<string, Person>(
  Array.from({ length: USERS }, (_, i) => {
    const homeserver = HOMESERVERS[i % 2 === 0 ? 0 : (i >> 1) % HOMESERVERS.length]!
    const user = `@user${i}:${homeserver}`
    return [user, { homeserver, user }]
  }),
)

function count(way: { bytes: number; packets: number }, octets: number): void {
  way.bytes += octets
  way.packets++
}

/** All of them together. */
export function everybody(sums: Iterable<{ readonly traffic: Traffic }>): Traffic {
  const all = noTraffic()
  for (const { traffic } of sums) addTraffic(all, traffic)
  return all
}
