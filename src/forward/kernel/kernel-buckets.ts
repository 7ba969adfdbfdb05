import type { MeterId } from '../../base/ids.ts'
import type { Time } from '../../base/time.ts'
import type { Meters } from '../../limits/meters.ts'
import type { KernelTable } from './kernel-table.ts'
import { BUCKET_OCTETS } from './layout.ts'

const SECOND = 1e9
/** Twins that are made equal in one turn of the event loop. */
const TURN = 256
/** A cost is nanoseconds for an octet, times this. */
const FRACTION = 65536
/** Of a bucket that lets nothing pass. */
const PROHIBITIVE = BigInt(SECOND) * 2n * BigInt(FRACTION)

interface Twin {
  readonly place: number
  uses: number
  /** What both owed when they were last made equal, in octets, and when that was. */
  owed: number
  at: Time
}

/**
 * A twin in the kernel for each token bucket whose routes are there. Both take
 * what passes by them, and are made equal now and then: each then owes what
 * either has taken, so that a rate holds for the sum of what both let pass.
 */
export class KernelBuckets {
  readonly #table: KernelTable
  readonly #meters: Meters
  readonly #words: BigInt64Array
  readonly #twins = new Map<MeterId, Twin>()
  readonly #free: number[] = []
  #used = 1

  constructor(table: KernelTable, meters: Meters) {
    this.#table = table
    this.#meters = meters
    this.#words = new BigInt64Array(table.buckets)
  }

  /** The places of these buckets in the kernel, for one route more; undefined where there is no room. */
  retain(ids: readonly MeterId[], now: Time): readonly number[] | undefined {
    const places: number[] = []
    for (const id of ids) {
      const twin = this.#twins.get(id) ?? this.#open(id, now)
      if (!twin) {
        this.release(ids.slice(0, places.length))
        return undefined
      }
      twin.uses++
      places.push(twin.place)
    }
    return places
  }

  release(ids: readonly MeterId[]): void {
    for (const id of ids) {
      const twin = this.#twins.get(id)
      if (!twin || --twin.uses > 0) continue
      this.#settle(id, twin, twin.at)
      this.#twins.delete(id)
      this.#free.push(twin.place)
    }
  }

  /** Makes all twins equal, and yields after some of them. */
  *settle(now: () => Time): Generator<undefined, void> {
    let left = TURN
    let at = now()
    for (const [id, twin] of this.#twins) {
      this.#settle(id, twin, at)
      if (--left > 0) continue
      yield undefined
      left = TURN
      at = now()
    }
  }

  #open(id: MeterId, now: Time): Twin | undefined {
    const free = this.#free.pop()
    if (free === undefined && this.#used >= this.#table.count) return undefined
    const place = free ?? this.#table.first + this.#used++
    const twin = { place, uses: 0, owed: this.#meters.owed(id, now), at: now }
    this.#twins.set(id, twin)
    this.#write(id, place, twin.owed, now)
    return twin
  }

  #settle(id: MeterId, twin: Twin, now: Time): void {
    const rate = this.#meters.rate(id)
    const at = (twin.place * BUCKET_OCTETS) / 8
    const ahead = Number(this.#words[at]!) - this.#table.nanoseconds(now)
    const there = Math.max(0, (ahead / SECOND) * rate)
    const here = this.#meters.owed(id, now)
    const before = Math.max(0, twin.owed - (rate * (now - twin.at)) / 1000)
    twin.owed = Math.min(rate, Math.max(0, there + here - before))
    twin.at = now
    this.#meters.setOwed(id, twin.owed, now)
    this.#write(id, twin.place, twin.owed, now)
  }

  #write(id: MeterId, place: number, owed: number, now: Time): void {
    const rate = this.#meters.rate(id)
    const at = (place * BUCKET_OCTETS) / 8
    const cost = rate === 0 ? PROHIBITIVE : BigInt(Math.round((SECOND / rate) * FRACTION))
    const until = this.#table.nanoseconds(now) + (rate === 0 ? 0 : (owed / rate) * SECOND)
    Atomics.store(this.#words, at + 1, cost)
    Atomics.store(this.#words, at, BigInt(Math.round(until)))
  }
}
