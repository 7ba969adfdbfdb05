import { customerKeyOf } from '../limits/customer.ts'

/** One of a bounded number of places, held by a connection. */
export interface ConnectionPlace {
  /** True while we wait for the other side: nothing was asked, or not to its end. Such a place may be taken away. */
  wait(isWaiting: boolean): void
  /** Gives the place back. */
  leave(): void
}

interface Holding extends ConnectionPlace {
  readonly holder: number | string
  isWaiting: boolean
  readonly evict: () => void
}

/**
 * A bounded number of places. When all are taken, one is taken away: from the
 * customer with the most of them the one that has waited longest, so that a
 * customer with many idle connections cannot keep others out.
 */
export class Places {
  readonly #most: number
  /** Those that wait stand in the order in which they began to. */
  readonly #held = new Set<Holding>()

  constructor(most: number) {
    this.#most = most
  }

  get taken(): number {
    return this.#held.size
  }

  /** A place for an address in text, or undefined when none can be had. `evict` ends whatever holds it. */
  take(address: string | undefined, evict: () => void): ConnectionPlace | undefined {
    const holder = customerKeyOf(address)
    if (this.#held.size >= this.#most && !this.#makeRoom(holder)) return undefined
    const held = this.#held
    const place: Holding = {
      holder,
      isWaiting: true,
      evict,
      wait(isWaiting) {
        this.isWaiting = isWaiting
        // To the end of the order; a place that was taken away stays gone.
        if (held.delete(this)) held.add(this)
      },
      leave() {
        held.delete(this)
      },
    }
    held.add(place)
    return place
  }

  #makeRoom(newcomer: number | string): boolean {
    const counts = new Map<number | string, number>()
    for (const { holder } of this.#held) counts.set(holder, (counts.get(holder) ?? 0) + 1)
    const most = Math.max(...counts.values())
    const isGreedy = ({ holder }: Holding) => counts.get(holder) === most
    const all = [...this.#held]
    const victim =
      all.find(place => place.isWaiting && isGreedy(place)) ??
      all.find(place => place.isWaiting) ??
      // All are being answered: somebody with fewer places may still have one of those with the most.
      ((counts.get(newcomer) ?? 0) + 1 < most ? all.find(isGreedy) : undefined)
    if (!victim) return false
    victim.leave()
    victim.evict()
    return true
  }
}
