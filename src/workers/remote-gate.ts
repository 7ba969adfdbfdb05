import type { AllocationId, MeterId } from '../base/ids.ts'
import type { BucketSource } from '../core/buckets.ts'
import type { Claim } from '../core/command.ts'
import { type Owner, ownerKey } from '../core/event.ts'
import type { ParkedPort } from '../net/ports/parked-port.ts'
import type { AdmissionRefusal, Gate } from '../relay/admission.ts'
import type { FromWorker, HeldAllocation, OwnerMeters } from './protocol.ts'

const NONE: readonly MeterId[] = []

/**
 * Quotas and bit rates as a worker sees them: the main thread keeps the book
 * for all, and says with each admission which token buckets the owner has.
 */
export class RemoteGate implements Gate, BucketSource {
  readonly #post: (message: FromWorker) => void
  readonly #asked = new Map<AllocationId, { owner: Owner; answer: Parameters<Gate['admit']>[1] }>()
  /** Reserved ports of claims that are about to be confirmed. */
  readonly #parked = new Map<AllocationId, ParkedPort>()
  /** Owners of what was admitted, by allocation. */
  readonly #admitted = new Map<AllocationId, string>()
  readonly #meters = new Map<string, { ids: readonly MeterId[]; allocations: number }>()

  constructor(post: (message: FromWorker) => void) {
    this.#post = post
  }

  admit(claim: Claim, answer: Parameters<Gate['admit']>[1]): void {
    const { allocation, owner, client, port, token } = claim
    this.#asked.set(allocation, { owner, answer })
    this.#post({ kind: 'claim', ask: { allocation, owner, client, port, ...(token && { token }) } })
  }

  /** The main thread has admitted a claim. */
  admitted(allocation: AllocationId, ids: readonly MeterId[], parked?: ParkedPort): void {
    const asked = this.#asked.get(allocation)
    if (!asked) return
    this.#asked.delete(allocation)
    this.#count(allocation, ownerKey(asked.owner), ids)
    asked.answer(undefined, parked)
  }

  /** Goes on with what the worker before this one held. */
  resume(holdings: readonly HeldAllocation[]): void {
    for (const { allocation, owner, ids } of holdings) this.#count(allocation, ownerKey(owner), ids)
  }

  /** The main thread has refused a claim. */
  refused(allocation: AllocationId, { code, why, cause, tooFast }: AdmissionRefusal): void {
    const asked = this.#asked.get(allocation)
    this.#asked.delete(allocation)
    asked?.answer({ code, why, ...(cause && { cause }), ...(tooFast && { tooFast }) })
  }

  confirm(allocation: AllocationId): void {
    const parked = this.#parked.get(allocation)
    this.#parked.delete(allocation)
    this.#post({ kind: 'confirmed', allocation, ...(parked && { parked }) })
  }

  release(allocation: AllocationId): void {
    const key = this.#admitted.get(allocation)
    if (key === undefined) return
    this.#admitted.delete(allocation)
    const meters = this.#meters.get(key)
    if (meters && --meters.allocations === 0) this.#meters.delete(key)
    this.#post({ kind: 'released', allocation })
  }

  /** Takes the reserved port of a claim along when that is confirmed. */
  keepParked(allocation: AllocationId, parked: ParkedPort): void {
    this.#parked.set(allocation, parked)
  }

  /** Nothing: reserved ports are the main thread's. */
  unreserve(): void {}

  /** Takes the buckets that everybody has after a change of the limits. */
  setMeters(all: readonly OwnerMeters[]): void {
    for (const { owner, ids } of all) {
      const meters = this.#meters.get(ownerKey(owner))
      if (meters) meters.ids = ids
    }
  }

  #count(allocation: AllocationId, key: string, ids: readonly MeterId[]): void {
    this.#admitted.set(allocation, key)
    const known = this.#meters.get(key)
    // The same buckets again must be the same array: routes are compared by it.
    if (known) known.allocations++
    else this.#meters.set(key, { ids, allocations: 1 })
  }

  /** Nothing: the limits are the main thread's to know. */
  configure(): void {}

  /** Nothing: the main thread slows down. */
  slow(): void {}

  take(owner: Owner): readonly MeterId[] {
    return this.#meters.get(ownerKey(owner))?.ids ?? NONE
  }

  /** Nothing: buckets go with the last allocation of their owner. */
  give(): void {}
}
