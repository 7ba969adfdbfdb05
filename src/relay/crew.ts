import type { SecureContextOptions } from 'node:tls'
import type { CounterReader } from '../base/counters.ts'
import type { AllocationId } from '../base/ids.ts'
import type { Settings } from '../config/settings.ts'
import type { Gauges } from './gauges.ts'
import type { ListenerPlan } from './listeners.ts'
import type { OpenedUdp } from './udp.ts'

/**
 * Those who relay: one station in this thread, or several in workers. What
 * they do is the same; who calls them need not know which it is.
 */
export interface Crew {
  readonly udp: OpenedUdp['kind']
  /** Why UDP is not native although it might have been. */
  readonly fellBack: string | undefined
  readonly counters: CounterReader
  readonly gauges: Gauges
  /** Workers that have broken and are not back yet. */
  readonly missing: number
  /** Gets everyone to their place. Rejects with a `StartError` when that fails; `close` all the same. */
  assemble(): Promise<void>
  readonly listen: ListenerPlan
  /** Binds a relay address once, as a call would. */
  tryRelay(local: Uint8Array, done: (error: NodeJS.ErrnoException | null) => void): void
  setTls(options: SecureContextOptions): void
  configure(settings: Settings, own: readonly Uint8Array[]): void
  /** Once a second. */
  tick(): void
  drain(): void
  allocations(): number
  /** Asks everybody what their allocations have carried; who does not answer in a while is left out. */
  read(): Promise<readonly Float64Array[]>
  /** Ends one allocation, by the number that it has among all. */
  revoke(allocation: AllocationId): void
  /** Ends every allocation; each is told as closed with the reason `stopped`, before `closed` at the latest. */
  closeAllocations(): void
  /** Closes every socket. Again is no harm. */
  closeSockets(): void
  /** Calls `done` when everyone has gone after `closeSockets`. */
  closed(done: () => void): void
}
