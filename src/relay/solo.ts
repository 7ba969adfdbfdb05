import type { SecureContextOptions } from 'node:tls'
import { Counters } from '../base/counters.ts'
import type { AllocationId } from '../base/ids.ts'
import type { Settings } from '../config/settings.ts'
import { monotonicClock } from '../system/clock.ts'
import type { Crew } from './crew.ts'
import type { ListenerPlan } from './listeners.ts'
import { Station, type StationParts } from './station.ts'

/** A crew of one: its station is in this thread. */
export class Solo implements Crew {
  readonly counters = new Counters()
  readonly missing = 0
  readonly #station: Station

  constructor(settings: Settings, parts: Omit<StationParts, 'clock' | 'counters' | 'shared'>) {
    this.#station = new Station(settings, { ...parts, clock: monotonicClock, counters: this.counters })
  }

  get udp() {
    return this.#station.udp
  }

  get fellBack() {
    return this.#station.fellBack
  }

  get gauges() {
    return this.#station.gauges
  }

  async assemble(): Promise<void> {}

  readonly listen: ListenerPlan = (listener, done, fd) => this.#station.listen(listener, done, fd)

  tryRelay(local: Uint8Array, done: (error: NodeJS.ErrnoException | null) => void): void {
    this.#station.tryRelay(local, done)
  }

  setTls(options: SecureContextOptions): void {
    this.#station.setTls(options)
  }

  configure(settings: Settings, own: readonly Uint8Array[]): void {
    this.#station.configure(settings, own)
  }

  tick(): void {
    this.#station.tick()
  }

  drain(): void {
    this.#station.drain()
  }

  allocations(): number {
    return this.#station.allocations()
  }

  async read(): Promise<readonly Float64Array[]> {
    return [this.#station.read()]
  }

  revoke(allocation: AllocationId): void {
    this.#station.revoke(allocation)
  }

  closeAllocations(): void {
    this.#station.closeAllocations()
  }

  closeSockets(): void {
    this.#station.closeSockets()
  }

  closed(done: () => void): void {
    this.#station.closed(done)
  }
}
