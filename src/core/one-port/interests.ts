import { ipKey } from '../../base/address.ts'
import type { AllocationId } from '../../base/ids.ts'
import { after, type Time } from '../../base/time.ts'
import { PROVED } from './proved.ts'

/** Former interests that are remembered; above it nobody counts as alone until the latest of them is over. */
const MOST_FORMER = 65_536

/** Who of a shared port has, or had, a permission for which IP address. */
export class Interests {
  readonly #present = new Map<number | string, Set<AllocationId>>()
  /** Until when what comes from an IP address may still be for somebody who has gone; 0 where they are several. */
  readonly #former = new Map<
    number | string,
    { readonly allocation: AllocationId | 0; readonly until: Time }
  >()
  #nobodyBefore = 0 as Time

  get size(): number {
    return this.#present.size + this.#former.size
  }

  add(allocation: AllocationId, ip: Uint8Array): void {
    const key = ipKey(ip)
    const present = this.#present.get(key)
    if (present) present.add(allocation)
    else this.#present.set(key, new Set([allocation]))
  }

  /** Takes an interest away, of which the permission ends, or would have ended, at a moment. */
  remove(allocation: AllocationId, ip: Uint8Array, ends: Time): void {
    const key = ipKey(ip)
    const present = this.#present.get(key)
    if (!present?.delete(allocation)) return
    if (present.size === 0) this.#present.delete(key)
    this.#goesOn(allocation, key, after(ends, PROVED))
  }

  /** Takes note of a channel, which lets a peer of this IP address send until it ends, with a permission or without. */
  bound(allocation: AllocationId, ip: Uint8Array, ends: Time): void {
    this.#goesOn(allocation, ipKey(ip), after(ends, PROVED))
  }

  #goesOn(allocation: AllocationId, key: number | string, until: Time): void {
    const before = this.#former.get(key)
    if (!before && this.#former.size >= MOST_FORMER) {
      this.#nobodyBefore = Math.max(this.#nobodyBefore, until) as Time
      return
    }
    this.#former.set(key, {
      allocation: !before || before.allocation === allocation ? allocation : 0,
      until: Math.max(before?.until ?? 0, until) as Time,
    })
  }

  /** Whether nobody else has a permission for this IP address, or had one that would not have ended yet. */
  isAlone(allocation: AllocationId, ip: Uint8Array, now: Time): boolean {
    if (now < this.#nobodyBefore) return false
    const key = ipKey(ip)
    const present = this.#present.get(key)
    if (!present?.has(allocation) || present.size > 1) return false
    const former = this.#former.get(key)
    return !former || former.until <= now || former.allocation === allocation
  }

  /** Who had a permission before is not known: nobody counts as alone before this moment. */
  doubt(until: Time): void {
    this.#nobodyBefore = Math.max(this.#nobodyBefore, until) as Time
  }

  forget(now: Time): void {
    for (const [key, { until }] of this.#former) if (until <= now) this.#former.delete(key)
  }
}
