import type { LifetimeId } from './ids.ts'
import { roomier } from './row-store.ts'
import type { Time } from './time.ts'

/**
 * When things end: relayed addresses, permissions and channels of one shard, each under a number.
 *
 * A moment stands here and nowhere else. The core writes it, and forwarders, whose routes name it, compare it with the
 * time. So a refresh writes one number, however many routes hang on it.
 */
export class Lifetimes {
  /** By id. Replaced when it grows, so never keep it. What is closed ended long ago. */
  ends = new Float64Array(64)
  #used = 0
  /** The id that was closed last; its place in `ends` leads to the one before. */
  #free = NONE
  #open = 0
  #watcher: ((id: LifetimeId) => void) | undefined

  /** How many are open. */
  get size(): number {
    return this.#open
  }

  open(until: Time): LifetimeId {
    let id = this.#free
    if (id === NONE) id = this.#used++
    else this.#free = -this.ends[id]! - 1
    if (id === this.ends.length) this.#grow()
    this.ends[id] = until
    this.#open++
    return id as LifetimeId
  }

  close(id: LifetimeId): void {
    this.ends[id] = -(this.#free + 1)
    this.#free = id
    this.#open--
  }

  set(id: LifetimeId, until: Time): void {
    this.ends[id] = until
    this.#watcher?.(id)
  }

  /** Has one who keeps copies be told of every moment that is set anew. */
  watch(watcher: (id: LifetimeId) => void): void {
    this.#watcher = watcher
  }

  until(id: LifetimeId): Time {
    return this.ends[id] as Time
  }

  isOver(id: LifetimeId, now: Time): boolean {
    return now >= this.ends[id]!
  }

  #grow(): void {
    const wider = new Float64Array(roomier(this.ends.length))
    wider.set(this.ends)
    this.ends = wider
  }
}

const NONE = -1
