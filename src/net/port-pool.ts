import type { Family } from '../base/address.ts'
import type { RelayAddress } from './relay-addresses.ts'

/** Ports from the first to the last, both included. */
export interface PortRange {
  readonly from: number
  readonly to: number
}

/** The ports of one relay address, and which of them are ours. */
export class PortPool {
  readonly relay: RelayAddress
  readonly from: number
  readonly to: number
  #taken: Uint8Array
  #used = 0

  constructor(relay: RelayAddress, ports: PortRange) {
    this.relay = relay
    this.from = ports.from
    this.to = ports.to
    this.#taken = new Uint8Array(this.size)
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

  /** True for a port that is ours; whether another program has it only the kernel can tell. */
  has(port: number): boolean {
    return this.#taken[port - this.from] === 1
  }

  take(port: number): void {
    this.#taken[port - this.from] = 1
    this.#used++
  }

  free(port: number): void {
    this.#taken[port - this.from] = 0
    this.#used--
  }
}
