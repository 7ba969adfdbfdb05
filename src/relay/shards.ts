import type { SecureContextOptions } from 'node:tls'
import type { CounterReader } from '../base/counters.ts'
import type { AllocationId } from '../base/ids.ts'
import type { Settings } from '../config/settings.ts'
import type { Slowed } from '../core/buckets.ts'
import type { MapDescriptors } from '../kernel/kernel-maps.ts'
import type { ResolvedRelayAddress } from '../net/ports/relay-addresses.ts'
import type { AcmeChallenge } from '../net/stream/tls/acme-door.ts'
import type { BanChange, ClientRules } from '../policy/client-policy.ts'
import type { Gauges } from './gauges.ts'
import type { HandOver } from './hand-over/hand-over.ts'
import type { ListenerPlan } from './listening/listeners.ts'
import type { OpenedUdp } from './listening/udp.ts'

/**
 * What relays: one shard in this thread (`LocalShard`), or one in each worker
 * thread (`WorkerShards`). Callers need not know which.
 */
export interface Shards {
  readonly udp: OpenedUdp['kind']
  /** Why UDP is not native although it might have been. */
  readonly fellBack: string | undefined
  readonly counters: CounterReader
  readonly gauges: Gauges
  /** Workers that have broken and are not back yet. */
  readonly missing: number
  /** Resolves when every shard runs. Rejects with a `StartError` otherwise; call `closeSockets` in both cases. */
  start(): Promise<void>
  readonly listen: ListenerPlan
  /** What of it can go on in another process; undefined where nothing can. */
  readonly handOver: HandOver | undefined
  /** Binds a relay address once, as a call would. */
  tryRelay(local: Uint8Array, done: (error: NodeJS.ErrnoException | null) => void): void
  setTls(options: SecureContextOptions): void
  /** Answers authorities that look whether a name is ours by these challenges from now on. */
  prove(challenges: readonly AcmeChallenge[]): void
  /** Applies settings under live allocations, and ends those on addresses that are no longer relayed from. */
  configure(settings: Settings, relays: readonly ResolvedRelayAddress[]): void
  /**
   * Resolves when everything that is open has been judged by the settings that were applied last; a shard that does not
   * answer in time is not waited for.
   */
  judged(): Promise<void>
  /** Relays what has arrived by now where this thread relays: for long turns of its event loop. */
  look(): void
  /** Serves only the clients that the rules allow; sessions of others are the caller's to end. */
  keepOut(rules: ClientRules): void
  /** Serves clients of these networks no longer, or again, whatever the rules say. */
  ban(changes: readonly BanChange[]): void
  /** Slows down the users whose budget is used up, and nobody else any more. */
  slow(slowed: Slowed): void
  /** Once a second. */
  tick(): void
  /** Has the kernel relay by these maps from now on; none: it does so no longer. */
  setKernel(maps: MapDescriptors | undefined): void
  /** Refuses new allocations from now on, or takes them again. */
  drain(on: boolean): void
  allocations(): number
  /**
   * What the allocations of each shard have carried (`readings.ts`); a shard
   * that does not answer in time is left out.
   */
  read(): Promise<readonly Float64Array[]>
  /** Ends one allocation, by its number among all. */
  revoke(allocation: AllocationId): void
  /** Ends every allocation; each is told as closed with the reason `stopped`, before `closed` at the latest. */
  closeAllocations(): void
  /** Closes every socket. May be called again. */
  closeSockets(): void
  /** Calls `done` when everything is closed after `closeSockets`. */
  closed(done: () => void): void
}
