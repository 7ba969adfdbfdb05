import type { Batch } from '../base/batch.ts'
import type { SocketId } from '../base/ids.ts'
import type { Unreachable } from '../core/input.ts'
import type { Log } from '../log/log.ts'
import type { Inbox } from '../shard/world.ts'

/** Where faults are told of. */
export type FaultLog = Pick<Log, 'limited'>

/**
 * Stands between the sockets and the shard. Nothing that arrives ought to make
 * the shard throw; should it happen all the same, that batch is lost and the
 * calls of everybody else go on.
 */
export class GuardedInbox implements Pick<Inbox, 'received' | 'hungUp' | 'unreachable' | 'tick'> {
  readonly #log: FaultLog
  #inbox: Inbox | undefined
  #faults = 0

  constructor(log: FaultLog) {
    this.#log = log
  }

  /** Names the shard; what arrives before is dropped. */
  attach(inbox: Inbox): void {
    this.#inbox = inbox
  }

  /** Faults of ours that were caught so far. */
  get faults(): number {
    return this.#faults
  }

  received(batch: Batch): void {
    try {
      this.#inbox?.received(batch)
    } catch (error) {
      this.#caught('received', error)
    }
  }

  hungUp(socket: SocketId): void {
    this.guard('hungUp', () => this.#inbox?.hungUp(socket))
  }

  unreachable(error: Unreachable): void {
    this.guard('unreachable', () => this.#inbox?.unreachable(error))
  }

  tick(): void {
    this.guard('tick', () => this.#inbox?.tick())
  }

  /** Runs something that must not end the relay. */
  guard(where: string, run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#caught(where, error)
    }
  }

  #caught(where: string, error: unknown): void {
    this.#faults++
    this.#log.limited('fault', 'error', 'a fault of the program was caught; please report it', () => ({
      where,
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    }))
  }
}
