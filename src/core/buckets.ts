import type { MeterId } from '../base/ids.ts'
import type { Time } from '../base/time.ts'
import type { Meters } from '../limits/meters.ts'
import type { RelayConfig } from './config.ts'
import { type Owner, ownerKey } from './event.ts'

type Limits = RelayConfig['limits']

/** Names the token buckets of an owner. Several shards ask one and the same. */
export interface BucketSource {
  /** New limits; buckets that are in use change their rate, the rest is for the next `take`. */
  configure(limits: Limits): void
  /** The owner's buckets, opened or shared; give them back with `give`. */
  take(owner: Owner, now: Time): readonly MeterId[]
  give(ids: readonly MeterId[]): void
  /** The buckets as records, where they are the relay's own. */
  export?(now: Time): BucketRecord[]
  /** Takes over buckets as records, to be found again by `take`. */
  import?(buckets: readonly BucketRecord[], now: Time): void
  /** Closes what was taken over and nobody has taken. */
  importEnded?(): void
}

/** A bucket by its name, its rate in octets a second, and what it lacked at a moment to be full. */
export interface BucketRecord {
  readonly name: string
  readonly rate: number
  readonly owed: number
  readonly at: Time
}

/**
 * Which token buckets an owner's payload has to pass: one of the user's own,
 * one shared by the homeserver, one shared by all (RFC 8656 §5). A bucket is
 * there while somebody uses it.
 */
export class Buckets implements BucketSource {
  readonly #meters: Meters
  #limits: Limits
  readonly #byName = new Map<string, Bucket>()
  readonly #byId = new Map<MeterId, Bucket>()

  constructor(meters: Meters, limits: Limits) {
    this.#meters = meters
    this.#limits = limits
  }

  configure(limits: Limits): void {
    this.#limits = limits
  }

  take(owner: Owner, now: Time): readonly MeterId[] {
    const rates = this.#rates(owner)
    if (rates.length === 0) return NONE
    const ids: MeterId[] = []
    for (const [name, rate] of rates) {
      let bucket = this.#byName.get(name)
      if (bucket) this.#meters.setRate(bucket.id, rate, now)
      else {
        bucket = { name, id: this.#meters.open(rate, now), uses: 0 }
        this.#byName.set(name, bucket)
        this.#byId.set(bucket.id, bucket)
      }
      bucket.uses++
      ids.push(bucket.id)
    }
    return ids
  }

  give(ids: readonly MeterId[]): void {
    for (const id of ids) {
      const bucket = this.#byId.get(id)
      if (!bucket || --bucket.uses > 0) continue
      this.#byName.delete(bucket.name)
      this.#byId.delete(id)
      this.#meters.close(id)
    }
  }

  export(now: Time): BucketRecord[] {
    return Array.from(this.#byName.values(), ({ name, id }) => ({
      name,
      rate: this.#meters.rate(id),
      owed: this.#meters.owed(id, now),
      at: now,
    }))
  }

  import(buckets: readonly BucketRecord[], now: Time): void {
    for (const { name, rate, owed, at } of buckets) {
      const bucket = { name, id: this.#meters.open(rate, now), uses: 0 }
      this.#meters.setOwed(bucket.id, owed - ((now - at) * rate) / 1000, now)
      this.#byName.set(name, bucket)
      this.#byId.set(bucket.id, bucket)
    }
  }

  importEnded(): void {
    for (const bucket of [...this.#byName.values()]) {
      if (bucket.uses > 0) continue
      bucket.uses = 1
      this.give([bucket.id])
    }
  }

  #rates(owner: Owner): [string, number][] {
    const { bytesPerSecond, bytesPerSecondPerTenant, bytesPerSecondPerUser } = this.#limits
    const perTenant = bytesPerSecondPerTenant?.get(owner.tenant)
    const rates: [string, number][] = []
    if (bytesPerSecondPerUser !== undefined) rates.push([`user ${ownerKey(owner)}`, bytesPerSecondPerUser])
    if (perTenant !== undefined) rates.push([`tenant ${owner.tenant}`, perTenant])
    if (bytesPerSecond !== undefined) rates.push(['total', bytesPerSecond])
    return rates
  }
}

const NONE: readonly MeterId[] = []

interface Bucket {
  readonly name: string
  readonly id: MeterId
  uses: number
}
