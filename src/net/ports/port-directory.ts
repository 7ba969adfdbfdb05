import { type Address, address, ipKey } from '../../base/address.ts'
import type { Siblings } from '../../core/environment.ts'
import type { PortSpan } from './port-pool.ts'
import type { ResolvedRelayAddress } from './relay-addresses.ts'

/**
 * Which shard holds which relay port: one octet for each, its shard's number,
 * or 0. In memory that all shards see, so that one can tell which addresses
 * are relayed by another without asking.
 */
export class PortDirectory {
  readonly memory: SharedArrayBuffer
  readonly #relays: readonly ResolvedRelayAddress[]
  readonly #ports: PortSpan
  readonly #octets: Uint8Array
  readonly #byPublic = new Map<number | string, number>()
  readonly #byLocal = new Map<number | string, number>()

  /** Octets of memory that a directory takes. */
  static octets(relays: readonly ResolvedRelayAddress[], { from, to }: PortSpan): number {
    return relays.length * (to - from + 1)
  }

  constructor(
    relays: readonly ResolvedRelayAddress[],
    ports: PortSpan,
    memory = new SharedArrayBuffer(PortDirectory.octets(relays, ports)),
  ) {
    this.memory = memory
    this.#relays = relays
    this.#ports = ports
    this.#octets = new Uint8Array(memory)
    for (const [i, relay] of relays.entries()) {
      const seen = ipKey(relay.public)
      if (!this.#byPublic.has(seen)) this.#byPublic.set(seen, i)
      this.#byLocal.set(ipKey(relay.local), i)
    }
  }

  /** The octets of one relay address, by port from the first of the range on. */
  of(relay: ResolvedRelayAddress): Uint8Array {
    const size = this.#ports.to - this.#ports.from + 1
    const i = this.#relays.indexOf(relay)
    return this.#octets.subarray(i * size, (i + 1) * size)
  }

  /** Forgets everything a shard held, as it is gone. */
  clear(shard: number): void {
    for (let i = 0; i < this.#octets.length; i++) Atomics.compareExchange(this.#octets, i, shard, 0)
  }

  /** What the other shards hold, as shard number `own` needs to know it. */
  siblings(own: number): Siblings {
    const held = (by: ReadonlyMap<number | string, number>, { ip, port }: Address) => {
      const i = by.get(ipKey(ip))
      const { from, to } = this.#ports
      if (i === undefined || port < from || port > to) return undefined
      const shard = Atomics.load(this.#octets, i * (to - from + 1) + port - from)
      return shard === 0 || shard === own ? undefined : this.#relays[i]
    }
    return {
      wire: peer => {
        const relay = held(this.#byPublic, peer)
        return relay && address(relay.local, peer.port)
      },
      relayed: from => {
        const relay = held(this.#byLocal, from)
        return relay && address(relay.public, from.port)
      },
    }
  }
}
