import type { Family } from '../../base/address.ts'
import type { PortSpan } from '../../base/range.ts'
import type { ResolvedRelayAddress } from './relay-addresses.ts'

/** Who holds which port, where several shards share a range: an octet for each port, and our number in it. */
export interface PortMarks {
  readonly octets: Uint8Array
  readonly own: number
}

/** The number of no shard: a port that waits for its RESERVATION-TOKEN. */
export const PARKED = 255

/** The ports of one relay address, and which of them are taken: by us, or by another shard of this server. */
export class PortPool {
  readonly relay: ResolvedRelayAddress
  readonly from: number
  readonly to: number
  readonly #octets: Uint8Array
  readonly #own: number
  #used = 0

  constructor(relay: ResolvedRelayAddress, ports: PortSpan, marks?: PortMarks) {
    this.relay = relay
    this.from = ports.from
    this.to = ports.to
    this.#octets = marks?.octets ?? new Uint8Array(this.size)
    this.#own = marks?.own ?? 1
  }

  get family(): Family {
    return this.relay.family
  }

  get size(): number {
    return this.to - this.from + 1
  }

  get full(): boolean {
    return this.#used === this.size
  }

  /** True for a port that is known to be taken; whether another program has it only the kernel can tell. */
  has(port: number): boolean {
    return Atomics.load(this.#octets, port - this.from) !== 0
  }

  /** Takes a port, or returns false if another shard was faster. */
  take(port: number): boolean {
    if (Atomics.compareExchange(this.#octets, port - this.from, 0, this.#own) !== 0) return false
    this.#used++
    return true
  }

  free(port: number): void {
    Atomics.store(this.#octets, port - this.from, 0)
    this.#used--
  }

  /** Leaves a port that we have to the shard that will adopt it. */
  park(port: number): void {
    Atomics.store(this.#octets, port - this.from, PARKED)
    this.#used--
  }

  /** Takes a parked port. */
  adopt(port: number): void {
    Atomics.store(this.#octets, port - this.from, this.#own)
    this.#used++
  }
}
