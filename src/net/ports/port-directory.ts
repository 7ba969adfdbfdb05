import { type Address, address, ipKey } from '../../base/address.ts'
import type { PortSpan } from '../../base/range.ts'
import type { Siblings } from '../../core/environment.ts'
import { PARKED } from './port-pool.ts'
import { isSameRelay, type ResolvedRelayAddress } from './relay-addresses.ts'

/** Relay addresses by their place in the memory; some places are free. */
export type RelayPlaces = readonly (ResolvedRelayAddress | undefined)[]

/** Places beside those that are needed at the start. */
const SPARE = 8

/**
 * Which shard holds which relay port: one octet for each, its shard's number,
 * or 0. In memory that all shards see, so that one can tell which addresses
 * are relayed by another without asking.
 */
export class PortDirectory {
  readonly memory: SharedArrayBuffer
  #places: RelayPlaces = []
  readonly #ports: PortSpan
  readonly #octets: Uint8Array
  #byPublic = new Map<number | string, number>()
  #byLocal = new Map<number | string, number>()

  /** Octets of memory that a directory takes. */
  static octets(relays: RelayPlaces, { from, to }: PortSpan): number {
    return (relays.length + SPARE) * (to - from + 1)
  }

  constructor(
    relays: RelayPlaces,
    ports: PortSpan,
    memory = new SharedArrayBuffer(PortDirectory.octets(relays, ports)),
  ) {
    this.memory = memory
    this.#ports = ports
    this.#octets = new Uint8Array(memory)
    this.setPlaces(relays)
  }

  /** Where each relay address is in the memory. */
  get places(): RelayPlaces {
    return this.#places
  }

  /**
   * Finds places for the addresses that are relayed from now on. Those that
   * had one keep it; others get one of which no shard holds a port. An address
   * for which there is none is left out, until ports are given back.
   */
  place(relays: readonly ResolvedRelayAddress[]): RelayPlaces {
    const count = this.#octets.length / this.#size
    const kept = Array.from({ length: count }, (_, i) => {
      const one = this.#places[i]
      return one && relays.find(relay => isSameRelay(relay, one))
    })
    for (const relay of relays) {
      if (kept.includes(relay)) continue
      const free = kept.findIndex(
        (one, i) => !one && this.#octetsAt(i).every(octet => octet === 0 || octet === PARKED),
      )
      if (free < 0) continue
      kept[free] = relay
      // What was parked at the address before does not concern this one.
      this.#octetsAt(free).fill(0)
    }
    this.setPlaces(kept)
    return this.#places
  }

  /** Takes the places that another thread has found. */
  setPlaces(places: RelayPlaces): void {
    this.#places = places
    this.#byPublic = new Map()
    this.#byLocal = new Map()
    for (const [i, relay] of places.entries()) {
      if (!relay) continue
      const seen = ipKey(relay.public)
      if (!this.#byPublic.has(seen)) this.#byPublic.set(seen, i)
      this.#byLocal.set(ipKey(relay.local), i)
    }
  }

  /** The octets of one relay address, by port from the first of the range on. */
  of(relay: ResolvedRelayAddress): Uint8Array {
    return this.#octetsAt(this.#places.findIndex(one => one && isSameRelay(one, relay)))
  }

  get #size(): number {
    return this.#ports.to - this.#ports.from + 1
  }

  #octetsAt(i: number): Uint8Array {
    return this.#octets.subarray(i * this.#size, (i + 1) * this.#size)
  }

  /** Forgets everything a shard held, as it is gone. */
  clear(shard: number): void {
    for (let i = 0; i < this.#octets.length; i++) Atomics.compareExchange(this.#octets, i, shard, 0)
  }

  /** Forgets what a shard held before another took its place, but for the addresses that this one has, by key. */
  retain(shard: number, bound: ReadonlySet<Address['key']>): void {
    for (const [i, octet] of this.#octets.entries()) {
      if (octet !== shard) continue
      const relay = this.#places[Math.floor(i / this.#size)]
      const port = this.#ports.from + (i % this.#size)
      if (relay && bound.has(address(relay.local, port).key)) continue
      Atomics.compareExchange(this.#octets, i, shard, 0)
    }
  }

  /** Notes a parked port that was taken over from another process, by the address that its socket is bound to. */
  park({ ip, port }: Address): void {
    const i = this.#byLocal.get(ipKey(ip))
    const { from, to } = this.#ports
    if (i === undefined || port < from || port > to) return
    Atomics.store(this.#octets, i * (to - from + 1) + port - from, PARKED)
  }

  /** Forgets a parked port that no shard has adopted, by the address that its socket is bound to. */
  unpark({ ip, port }: Address): void {
    const i = this.#byLocal.get(ipKey(ip))
    const { from, to } = this.#ports
    if (i !== undefined) Atomics.compareExchange(this.#octets, i * (to - from + 1) + port - from, PARKED, 0)
  }

  /** What the other shards hold, as shard number `own` needs to know it. */
  siblings(own: number): Omit<Siblings, 'chargePeers'> {
    const held = (by: () => ReadonlyMap<number | string, number>, { ip, port }: Address) => {
      const i = by().get(ipKey(ip))
      const { from, to } = this.#ports
      if (i === undefined || port < from || port > to) return undefined
      const shard = Atomics.load(this.#octets, i * (to - from + 1) + port - from)
      return shard === 0 || shard === own || shard === PARKED ? undefined : this.#places[i]
    }
    return {
      wire: peer => {
        const relay = held(() => this.#byPublic, peer)
        return relay && address(relay.local, peer.port)
      },
      mayReserve: () => true,
      mayHold: () => true,
      relayed: from => {
        const relay = held(() => this.#byLocal, from)
        return relay && address(relay.public, from.port)
      },
    }
  }
}
