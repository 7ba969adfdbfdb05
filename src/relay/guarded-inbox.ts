import type { Batch } from '../base/batch.ts'
import type { RouteId, SocketId } from '../base/ids.ts'
import type { Carried } from '../base/route.ts'
import { stackOf } from '../base/stack.ts'
import type { Opened, Refused, Unreachable } from '../core/input.ts'
import type { Forwarder } from '../forward/forwarder.ts'
import type { Log } from '../log/log.ts'
import type { Inbox } from '../shard/world.ts'

/** Where faults are told of. */
export type FaultLog = Pick<Log, 'limited'>

/**
 * Stands between the sockets and the shard. Nothing that arrives ought to make
 * the shard throw; should it happen all the same, that batch is lost and the
 * calls of everybody else go on.
 */
export class GuardedInbox implements Inbox {
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

  opened(opened: Opened): void {
    this.guard('opened', () => this.#inbox?.opened(opened))
  }

  refused(refused: Refused): void {
    this.guard('refused', () => this.#inbox?.refused(refused))
  }

  settled(by: Forwarder, route: RouteId, carried: Readonly<Carried>): void {
    this.guard('settled', () => this.#inbox?.settled(by, route, carried))
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

  continue(): void {
    this.guard('continue', () => this.#inbox?.continue())
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
      error: stackOf(error),
    }))
  }
}
