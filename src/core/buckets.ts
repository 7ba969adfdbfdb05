import type { MeterId } from '../base/ids.ts'
import type { Time } from '../base/time.ts'
import type { Meters } from '../limits/meters.ts'
import type { RelayConfig } from './config.ts'
import { type Owner, ownerKey } from './event.ts'

type Limits = RelayConfig['limits']

/**
 * Octets a second that users may have at most whose budget is used up, whatever `RelayConfig` says: everybody, those of
 * a homeserver, or one of them.
 */
export interface Slowed {
  readonly all?: number
  readonly tenants: ReadonlyMap<string, SlowedTenant>
}

interface SlowedTenant {
  readonly all?: number
  readonly users: ReadonlyMap<string, number>
}

export const NOBODY_SLOWED: Slowed = { tenants: new Map() }

/** Octets a second that an owner may have at most; Infinity where nothing is used up. */
export function slowedTo({ all = Number.POSITIVE_INFINITY, tenants }: Slowed, owner: Owner): number {
  const tenant = tenants.get(owner.tenant)
  if (!tenant) return all
  return Math.min(all, tenant.all ?? all, tenant.users.get(owner.user) ?? all)
}

/** Names the token buckets of an owner. Several shards ask one and the same. */
export interface BucketSource {
  /** New limits; buckets that are in use change their rate, the rest is for the next `take`. */
  configure(limits: Limits): void
  /** Who is slowed down from now on; it is for the next `take` of each of them. */
  slow(slowed: Slowed): void
  /** The owner's buckets, opened or shared; give them back with `give`. */
  take(owner: Owner, now: Time): readonly MeterId[]
  give(ids: readonly MeterId[]): void
  /** The buckets as records, where they are the relay's own. */
  export?(now: Time): BucketRecord[]
  /** Takes over buckets as records, to be found again by `take`; those that are there already owe what these do. */
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
  #slowed = NOBODY_SLOWED
  readonly #byName = new Map<string, Bucket>()
  readonly #byId = new Map<MeterId, Bucket>()

  constructor(meters: Meters, limits: Limits) {
    this.#meters = meters
    this.#limits = limits
  }

  configure(limits: Limits): void {
    this.#limits = limits
  }

  slow(slowed: Slowed): void {
    this.#slowed = slowed
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
      const known = this.#byName.get(name)
      const bucket = known ?? { name, id: this.#meters.open(rate, now), uses: 0 }
      this.#meters.setOwed(bucket.id, owed - ((now - at) * rate) / 1000, now)
      // One that is known moves to where the others have it.
      this.#byName.delete(name)
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
    const { bytesPerSecond, bytesPerSecondPerTenant } = this.#limits
    const perUser = Math.min(
      this.#limits.bytesPerSecondPerUser ?? Number.POSITIVE_INFINITY,
      slowedTo(this.#slowed, owner),
    )
    const perTenant = bytesPerSecondPerTenant?.get(owner.tenant)
    const rates: [string, number][] = []
    if (Number.isFinite(perUser)) rates.push([`user ${ownerKey(owner)}`, perUser])
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
