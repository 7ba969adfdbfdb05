import type { Clock } from '../../base/time.ts'
import type { StreamConnection } from './connection.ts'
import { TOO_SLOW } from './unserved.ts'

/** Milliseconds between two sweeps. */
const INTERVAL = 1000
/** Connections that are ended in one turn because their time is up. */
const SWEPT_AT_ONCE = 32

/** Ends connections whose time is up, a few in each turn of the event loop. */
export class DeadlineSweep {
  readonly #connections: Iterable<StreamConnection>
  readonly #clock: Clock
  readonly #timer: NodeJS.Timeout
  #rest: NodeJS.Immediate | undefined

  /** Sweeps by itself once a second until it is stopped. */
  constructor(connections: Iterable<StreamConnection>, clock: Clock) {
    this.#connections = connections
    this.#clock = clock
    this.#timer = setInterval(() => this.sweep(), INTERVAL).unref()
  }

  sweep(): void {
    const now = this.#clock.now()
    let left = SWEPT_AT_ONCE
    for (const connection of this.#connections) {
      // It puts the deadline off if something has passed.
      if (connection.state.kind === 'passing') connection.state.passage.look()
      if (now < connection.deadline || connection.raw.destroyed) continue
      if (left-- === 0) {
        this.#rest ??= setImmediate(() => {
          this.#rest = undefined
          this.sweep()
        })
        return
      }
      connection.blame(TOO_SLOW)
      connection.destroy()
    }
  }

  stop(): void {
    clearInterval(this.#timer)
    clearImmediate(this.#rest)
  }
}
