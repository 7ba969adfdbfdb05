import type { Time } from '../../base/time.ts'
import type { PassReason } from './layout.ts'

/** What the program in the kernel looks things up in, and the share of it that one shard has. */
export interface KernelTable {
  /**
   * The octets of all routes (`ROUTE_OCTETS` each) and token buckets (`BUCKET_OCTETS` each);
   * the kernel sees what is written at once.
   */
  readonly routes: ArrayBuffer
  readonly buckets: ArrayBuffer
  /** The places that are this shard's: from `first` on, `count` of them. Of token buckets the same. */
  readonly first: number
  readonly count: number
  /** Leads a flow to a route or a client. False where there is no room. */
  setFlow(key: Uint8Array, to: number): boolean
  deleteFlow(key: Uint8Array): void
  /** Leads a peer's name to a route. False where there is no room. */
  setNamedPeer(key: Uint8Array, route: number): boolean
  deleteNamedPeer(key: Uint8Array): void
  /** A moment in nanoseconds of the kernel's monotonic clock. */
  nanoseconds(time: Time): number
  /** How many datagrams of routes went up, by the reason: of all shards, since the maps were made. */
  passed(): Readonly<Record<PassReason, number>>
}
