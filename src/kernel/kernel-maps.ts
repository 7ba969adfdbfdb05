import { readFileSync } from 'node:fs'
import type { Clock, Time } from '../base/time.ts'
import type { KernelTable } from '../forward/kernel/kernel-table.ts'
import {
  BUCKET_OCTETS,
  FLOW_OCTETS,
  NAMED_PEER_OCTETS,
  PASS_REASONS,
  type PassReason,
  ROUTE_OCTETS,
} from '../forward/kernel/layout.ts'
import type { Bpf } from './bpf.ts'

/** The maps that the relay uses, in the order in which their descriptors are handed over. */
export const RELAY_MAPS = ['flows', 'named_peers', 'routes', 'buckets', 'reasons'] as const
export type RelayMap = (typeof RELAY_MAPS)[number]
export type MapDescriptors = Readonly<Record<RelayMap, number>>

/** Routes, token buckets and clients that the maps have room for, of all shards together. */
export const MOST_PLACES = 65_536

/** A share of the maps: the shard's number, from 0 on, and how many shards there are. */
export interface MapShare {
  readonly shard: number
  readonly shards: number
}

/** The maps in the kernel, as one shard uses them. It needs the descriptors and no capability. */
export class KernelMaps implements KernelTable {
  readonly routes: ArrayBuffer
  readonly buckets: ArrayBuffer
  readonly first: number
  readonly count: number
  readonly #bpf: Bpf
  readonly #fds: MapDescriptors
  readonly #value = new Uint32Array(1)
  readonly #valueOctets = new Uint8Array(this.#value.buffer)
  /** What the kernel's clock showed at the beginning of the relay's, in nanoseconds. */
  readonly #epoch: number

  private constructor(
    bpf: Bpf,
    fds: MapDescriptors,
    memory: { routes: ArrayBuffer; buckets: ArrayBuffer },
    { shard, shards }: MapShare,
    clock: Clock,
  ) {
    this.#bpf = bpf
    this.#fds = fds
    this.routes = memory.routes
    this.buckets = memory.buckets
    this.count = Math.floor(MOST_PLACES / shards)
    this.first = shard * this.count
    this.#epoch = Number(process.hrtime.bigint()) - clock.now() * 1e6
  }

  /** Undefined where the kernel does not lend the memory of the maps. */
  static open(bpf: Bpf, fds: MapDescriptors, share: MapShare, clock: Clock): KernelMaps | undefined {
    const routes = bpf.memory(fds.routes, MOST_PLACES * ROUTE_OCTETS)
    const buckets = bpf.memory(fds.buckets, MOST_PLACES * BUCKET_OCTETS)
    if (typeof routes === 'number' || typeof buckets === 'number') return undefined
    return new KernelMaps(bpf, fds, { routes, buckets }, share, clock)
  }

  setFlow(key: Uint8Array, to: number): boolean {
    this.#value[0] = to
    return this.#bpf.update(this.#fds.flows, key, this.#valueOctets) === 0
  }

  deleteFlow(key: Uint8Array): void {
    this.#bpf.delete(this.#fds.flows, key)
  }

  setNamedPeer(key: Uint8Array, route: number): boolean {
    this.#value[0] = route
    return this.#bpf.update(this.#fds.named_peers, key, this.#valueOctets) === 0
  }

  deleteNamedPeer(key: Uint8Array): void {
    this.#bpf.delete(this.#fds.named_peers, key)
  }

  nanoseconds(time: Time): number {
    return this.#epoch + time * 1e6
  }

  passed(): Readonly<Record<PassReason, number>> {
    return passedOf(this.#bpf, this.#fds.reasons)
  }

  /** Empties this share of what a shard before this one has left. */
  clear(): void {
    new Uint8Array(this.routes, this.first * ROUTE_OCTETS, this.count * ROUTE_OCTETS).fill(0)
    for (const [map, octets] of [
      [this.#fds.flows, FLOW_OCTETS],
      [this.#fds.named_peers, NAMED_PEER_OCTETS],
    ] as const) {
      for (const key of this.#keysOf(map, octets)) this.#bpf.delete(map, key)
    }
  }

  /** The keys that lead into this share. */
  #keysOf(map: number, octets: number): Uint8Array[] {
    const keys: Uint8Array[] = []
    let key: Uint8Array | undefined
    for (;;) {
      const next = new Uint8Array(octets)
      if (this.#bpf.nextKey(map, key, next) < 0) return keys
      key = next
      if (this.#bpf.lookup(map, next, this.#valueOctets) < 0) continue
      const place = this.#value[0]!
      if (place >= this.first && place < this.first + this.count) keys.push(next)
    }
  }
}

/** Why datagrams went up, added up over all processors. */
export function passedOf(bpf: Bpf, reasons: number): Readonly<Record<PassReason, number>> {
  const counts = new BigUint64Array(possibleProcessors())
  const passed = PASS_REASONS.map((reason, at) => {
    const error = bpf.lookup(
      reasons,
      new Uint8Array(Uint32Array.of(at).buffer),
      new Uint8Array(counts.buffer),
    )
    return [reason, error < 0 ? 0 : counts.reduce((sum, count) => sum + Number(count), 0)]
  })
  return Object.fromEntries(passed) as Record<PassReason, number>
}

/** How many values a map has for each of its entries that is kept by processor. */
function possibleProcessors(): number {
  const ranges = readFileSync('/sys/devices/system/cpu/possible', 'utf8').trim().split(',')
  return Number(ranges.at(-1)!.split('-').at(-1)) + 1
}
