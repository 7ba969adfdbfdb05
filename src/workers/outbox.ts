import type { Event, RejectReason } from '../core/event.ts'
import type { FromWorker } from './protocol.ts'

/** Rejections of one kind that are told one by one, until the next list goes out. */
const REJECTIONS_EACH = 10
/** Connections on which no client was served that are told of until REJECTIONS_WAIT is over. */
const UNSERVED_EACH = 10
/** Milliseconds that a rejection may wait to be told. */
const REJECTIONS_WAIT = 100

export interface OutboxOptions {
  readonly post: (messages: readonly FromWorker[]) => void
  /** Runs something at the end of this turn of the event loop. */
  readonly soon?: (run: () => void) => void
  readonly later?: (run: () => void, milliseconds: number) => void
}

/**
 * What a worker has to tell the main thread, gathered into one list for each
 * turn of the event loop. Strangers can have requests rejected as fast as they
 * can send, so those only count once a few of a kind have been told of: a
 * flood is for the worker to bear, and not for everybody.
 */
export class Outbox {
  readonly #options: Required<OutboxOptions>
  #messages: FromWorker[] = []
  #due = false
  #rejectionsDue = false
  #unservedTold = 0
  readonly #rejections = new Map<RejectReason, number>()

  constructor(options: OutboxOptions) {
    this.#options = {
      soon: run => void setImmediate(run),
      later: (run, milliseconds) => void setTimeout(run, milliseconds).unref(),
      ...options,
    }
  }

  push(message: FromWorker): void {
    this.#messages.push(message)
    if (this.#due) return
    this.#due = true
    this.#options.soon(() => this.flush())
  }

  tell(event: Event): void {
    if (event.kind === 'rejected') this.#reject(event)
    else if (event.kind === 'unserved') this.#unserved(event)
    else this.push({ kind: 'told', event })
  }

  /** Posts what there is. Messages arrive in the order in which they were pushed. */
  flush(): void {
    this.#due = false
    for (const [why, count] of this.#rejections) {
      if (count > REJECTIONS_EACH)
        this.#messages.push({ kind: 'rejected', why, count: count - REJECTIONS_EACH })
    }
    this.#rejections.clear()
    if (this.#messages.length === 0) return
    const messages = this.#messages
    this.#messages = []
    this.#options.post(messages)
  }

  /** Tells of the first few in a while; the counters know of all. */
  #unserved(event: Event & { kind: 'unserved' }): void {
    if (this.#unservedTold === 0) this.#options.later(() => (this.#unservedTold = 0), REJECTIONS_WAIT)
    if (++this.#unservedTold > UNSERVED_EACH) return
    this.push({ kind: 'told', event })
  }

  #reject(event: Event & { kind: 'rejected' }): void {
    const count = (this.#rejections.get(event.why) ?? 0) + 1
    this.#rejections.set(event.why, count)
    if (count <= REJECTIONS_EACH) this.#messages.push({ kind: 'told', event })
    if (this.#rejectionsDue) return
    this.#rejectionsDue = true
    this.#options.later(() => {
      this.#rejectionsDue = false
      this.flush()
    }, REJECTIONS_WAIT)
  }
}
