import type { Clock } from '../../base/time.ts'
import type { Forwarder } from '../../forward/forwarder.ts'
import { KernelForwarder, type KernelForwarderParts } from '../../forward/kernel/kernel-forwarder.ts'
import { Bpf } from '../../kernel/bpf.ts'
import { KernelMaps, type MapDescriptors } from '../../kernel/kernel-maps.ts'

/** The share of the kernel's maps that one shard alone has. */
const ALONE = { shard: 0, shards: 1 }

export interface KernelRelayingParts extends Omit<KernelForwarderParts, 'now' | 'later' | 'soon'> {
  readonly clock: Clock
  /** Which of the shards this is, from 1 on, and how many there are; absent where it is the only one. */
  readonly shared: { readonly number: number; readonly shards: number } | undefined
}

/** One shard's relaying in the kernel, which goes on and off with the maps that it is given. */
export class KernelRelaying {
  readonly #parts: KernelRelayingParts
  readonly #forwarder: KernelForwarder
  #isAsked = false

  constructor(parts: KernelRelayingParts) {
    this.#parts = parts
    this.#forwarder = new KernelForwarder({
      ...parts,
      now: () => parts.clock.now(),
      later: milliseconds => setTimeout(() => this.#forwarder.settle(), milliseconds).unref(),
      soon: () => this.#soon(),
    })
  }

  get forwarder(): Forwarder {
    return this.#forwarder
  }

  /** Routes that are in the kernel. */
  get routes(): number {
    return this.#forwarder.size
  }

  /** Relays by these maps from now on; none: no longer. */
  connect(fds: MapDescriptors | undefined): void {
    const { shared, clock } = this.#parts
    const bpf = fds && Bpf.open()
    const share = shared ? { shard: shared.number - 1, shards: shared.shards } : ALONE
    const maps = bpf && KernelMaps.open(bpf, fds, share, clock)
    this.#forwarder.disconnect()
    if (maps && shared) maps.clear()
    if (maps) this.#forwarder.connect(maps)
  }

  disconnect(): void {
    this.#forwarder.disconnect()
  }

  #soon(): void {
    if (this.#isAsked) return
    this.#isAsked = true
    setImmediate(() => {
      this.#isAsked = false
      this.#forwarder.proceed()
    })
  }

  /** Once a second. */
  poll(): void {
    this.#forwarder.poll()
  }
}
