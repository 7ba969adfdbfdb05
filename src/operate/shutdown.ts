import type { Log } from '../log/log.ts'
import type { Shards } from '../relay/shards.ts'
import { monotonicClock } from '../system/clock.ts'
import type { ServiceManager } from './service-manager.ts'

export interface ShutdownParts {
  readonly shards: Pick<Shards, 'drain' | 'allocations' | 'closeAllocations' | 'closeSockets'>
  readonly log: Pick<Log, 'info' | 'warn'>
  readonly serviceManager: ServiceManager
  /** Seconds that calls get to end after `stop`. */
  readonly deadline: () => number
  /** Has somebody keep what the next process can go on with, before everything is closed after `stop`. */
  readonly keep?: (() => Promise<void>) | undefined
  /** Called once, with the exit code, when allocations and sockets are closed. */
  readonly ended: (code: number) => void
  /** Milliseconds of a clock that nobody sets. */
  readonly now?: () => number
}

/**
 * Ends a relay in order: it takes no new allocation, calls get until the
 * deadline to end by themselves, those that have not are closed, then the
 * sockets. It has no timer of its own: `tick` once a second moves it along.
 */
export class Shutdown {
  readonly #parts: ShutdownParts
  readonly #now: () => number
  /** Moment at which waiting ends: infinite for a drain, undefined while nobody has asked for an end. */
  #until: number | undefined
  #isStop = false
  #isAwaited = false
  #over = false

  constructor(parts: ShutdownParts) {
    this.#parts = parts
    this.#now = parts.now ?? (() => monotonicClock.now())
  }

  /** A `draining` relay waits for the last call, however long that lasts, and can be told to serve again. */
  get state(): 'none' | 'draining' | 'stopping' {
    if (this.#until === undefined) return 'none'
    return this.#until === Number.POSITIVE_INFINITY ? 'draining' : 'stopping'
  }

  /** For `systemctl status`. A drain is not a stop to systemd: it would not wait for the last call. */
  get status(): string {
    const count = this.#parts.shards.allocations()
    const calls = `${count} ${count === 1 ? 'allocation' : 'allocations'}`
    return `${this.#until === undefined ? 'serving' : 'draining'}, ${calls}`
  }

  /** Takes no new allocation any more, and ends with the last one. Changes nothing once stopping. */
  drain(): void {
    const { log, shards } = this.#parts
    log.info('draining; the relay stops when the last allocation has ended', {
      allocations: shards.allocations(),
    })
    this.#begin(Number.POSITIVE_INFINITY)
  }

  /** Takes new allocations again; false where no drain is under way, and once stopping. */
  cancelDrain(): boolean {
    if (this.#over || this.state !== 'draining') return false
    this.#until = undefined
    this.#parts.shards.drain(false)
    this.#parts.log.info('serving again; the drain was cancelled')
    this.#parts.serviceManager.status(this.status)
    return true
  }

  /** Ends when the last allocation has ended, at the deadline at the latest. */
  stop(why: string): void {
    const { log, shards, deadline, serviceManager } = this.#parts
    const seconds = deadline()
    log.info('stopping', { why, allocations: shards.allocations(), seconds })
    serviceManager.stopping(seconds)
    this.#isStop = true
    this.#begin(this.#now() + seconds * 1000)
  }

  /**
   * Another process goes on with all that could be handed over: ends with the last
   * allocation that has stayed here, after so many seconds at the latest if that is not 0.
   * With `isAwaited` it does not end before it is stopped: its supervisor would start it again.
   */
  leave(pid: number, seconds: number, isAwaited = false): void {
    const { log, shards } = this.#parts
    const end = isAwaited ? 'waiting to be stopped' : 'ending with the last allocation that has stayed here'
    log.info(end, { allocations: shards.allocations(), successor: pid })
    this.#isAwaited = isAwaited
    this.#begin(seconds > 0 && !isAwaited ? this.#now() + seconds * 1000 : Number.POSITIVE_INFINITY)
  }

  /** Ends at once, with another exit code. */
  force(): void {
    this.#parts.log.warn('stopping at once')
    this.#finish(1)
  }

  /** Once a second. */
  tick(): void {
    if (this.#until === undefined || this.#over) return
    if (this.#isAwaited && this.state === 'draining') return
    if (this.#parts.shards.allocations() === 0 || this.#now() >= this.#until) this.#finish(0)
  }

  /** A later, earlier end counts; a later one does not. */
  #begin(until: number): void {
    if (this.#over) return
    if (this.#until === undefined) this.#parts.shards.drain(true)
    this.#until = Math.min(this.#until ?? Number.POSITIVE_INFINITY, until)
    if (this.state === 'draining') this.#parts.serviceManager.status(this.status)
    this.tick()
  }

  #finish(code: number): void {
    if (this.#over) return
    this.#over = true
    const { keep, shards } = this.#parts
    if (this.#until === undefined) shards.drain(true)
    this.#until = Math.min(this.#until ?? Number.POSITIVE_INFINITY, this.#now())
    const close = () => this.#close(code)
    if (code !== 0 || !this.#isStop || !keep) {
      close()
      return
    }
    // The next process shall not begin as one that takes no calls.
    shards.drain(false)
    void keep().then(close, close)
  }

  #close(code: number): void {
    const { shards, ended } = this.#parts
    shards.closeAllocations()
    shards.closeSockets()
    ended(code)
  }
}
