/** What there is to stop, in the order in which it is stopped. */
export interface Stoppable {
  /** Takes no new connection and no new allocation; what is open goes on. */
  drain(): void
  /** Allocations that are still open. */
  allocations(): number
  /** Ends the allocations that are left. */
  closeAllocations(): void
  /** Closes every socket, listeners last. */
  closeSockets(): void
}

/**
 * Ends a relay in order: nothing new is taken, calls get until the deadline to
 * end by themselves, those that have not are closed, then the sockets. It has
 * no timer of its own: `tick` once a second moves it along.
 */
export class Stop {
  readonly #what: Stoppable
  readonly #finished: (code: number) => void
  /** Moment at which waiting ends; undefined while nobody has asked to stop. */
  #until: number | undefined
  #over = false

  /** Calls `finished` once, with the exit code. */
  constructor(what: Stoppable, finished: (code: number) => void) {
    this.#what = what
    this.#finished = finished
  }

  get asked(): boolean {
    return this.#until !== undefined
  }

  /** It waits for the last call, however long that lasts. */
  get isPatient(): boolean {
    return this.#until === Number.POSITIVE_INFINITY
  }

  /**
   * Begins to stop; with `patience` 0 it is over when this returns. Infinite
   * patience waits for the last call, however long it lasts. A later, shorter
   * patience counts; a longer one does not.
   */
  begin(now: number, patienceSeconds: number): void {
    if (this.#over) return
    const until = now + patienceSeconds * 1000
    if (this.#until === undefined) this.#what.drain()
    this.#until = Math.min(this.#until ?? Number.POSITIVE_INFINITY, until)
    this.tick(now)
  }

  /** Ends at once and says so with another exit code: somebody is in a hurry. */
  force(): void {
    this.#finish(1)
  }

  tick(now: number): void {
    if (this.#until === undefined || this.#over) return
    if (this.#what.allocations() === 0 || now >= this.#until) this.#finish(0)
  }

  #finish(code: number): void {
    if (this.#over) return
    this.#over = true
    if (this.#until === undefined) this.#what.drain()
    this.#what.closeAllocations()
    this.#what.closeSockets()
    this.#finished(code)
  }
}
