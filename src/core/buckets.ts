import type { MeterId } from '../base/ids.ts'
import type { Meters } from '../base/meters.ts'
import type { Time } from '../base/time.ts'
import type { RelayConfig } from './config.ts'
import type { Owner } from './event.ts'

type Limits = RelayConfig['limits']

/** Names the token buckets of an owner. Several shards ask one and the same. */
export interface BucketSource {
  /** New limits; buckets that are in use change their rate, the rest is for the next `take`. */
  configure(limits: Limits): void
  /** The owner's buckets, opened or shared; give them back with `give`. */
  take(owner: Owner, now: Time): readonly MeterId[]
  give(ids: readonly MeterId[]): void
}

/**
 * Which token buckets an owner's payload has to pass: one of the user's own,
 * one shared by the homeserver, one shared by all (RFC 8656 §5). A bucket is
 * there while somebody uses it.
 */
export class Buckets implements BucketSource {
  readonly #meters: Meters
  #limits: Limits
  readonly #open = new Map<string, { readonly id: MeterId; uses: number }>()

  constructor(meters: Meters, limits: Limits) {
    this.#meters = meters
    this.#limits = limits
  }

  configure(limits: Limits): void {
    this.#limits = limits
  }

  take(owner: Owner, now: Time): readonly MeterId[] {
    const ids: MeterId[] = []
    for (const [name, rate] of this.#rates(owner)) {
      const bucket = this.#open.get(name)
      if (bucket) {
        this.#meters.setRate(bucket.id, rate)
        bucket.uses++
        ids.push(bucket.id)
      } else {
        const id = this.#meters.open(rate, now)
        this.#open.set(name, { id, uses: 1 })
        ids.push(id)
      }
    }
    return ids
  }

  give(ids: readonly MeterId[]): void {
    for (const [name, bucket] of this.#open) {
      if (!ids.includes(bucket.id) || --bucket.uses > 0) continue
      this.#open.delete(name)
      this.#meters.close(bucket.id)
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

/** Equal for equal owners; a space cannot stand in a homeserver's name. */
export function ownerKey(owner: Owner): string {
  return `${owner.tenant} ${owner.user}`
}
