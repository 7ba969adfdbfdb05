import type { Address } from '../base/address.ts'
import type { AllocationId, MeterId } from '../base/ids.ts'
import type { BucketSource } from '../core/buckets.ts'
import type { Claim } from '../core/command.ts'
import { type Owner, ownerKey } from '../core/event.ts'
import type { AdmissionRefusal, Gate } from '../relay/admission.ts'
import type { FromWorker, OwnerMeters } from './protocol.ts'

const NONE: readonly MeterId[] = []

/**
 * Quotas and bit rates as a worker sees them: the main thread keeps the book
 * for all, and says with each admission which token buckets the owner has.
 */
export class RemoteGate implements Gate, BucketSource {
  readonly #post: (message: FromWorker) => void
  readonly #asked = new Map<
    AllocationId,
    { owner: Owner; answer: (refusal: AdmissionRefusal | undefined) => void }
  >()
  /** Owners of what was admitted, by allocation. */
  readonly #admitted = new Map<AllocationId, string>()
  readonly #meters = new Map<string, { ids: readonly MeterId[]; allocations: number }>()

  constructor(post: (message: FromWorker) => void) {
    this.#post = post
  }

  admit(claim: Claim, answer: (refusal: AdmissionRefusal | undefined) => void): void {
    const { allocation, owner, client, port, reserved } = claim
    this.#asked.set(allocation, { owner, answer })
    const token = reserved && { reserved: { owner: reserved.owner, client: reserved.client } }
    this.#post({ kind: 'claim', ask: { allocation, owner, client, port, ...token } })
  }

  /** The main thread has admitted a claim. */
  admitted(allocation: AllocationId, ids: readonly MeterId[]): void {
    const asked = this.#asked.get(allocation)
    if (!asked) return
    this.#asked.delete(allocation)
    const key = ownerKey(asked.owner)
    this.#admitted.set(allocation, key)
    const known = this.#meters.get(key)
    // The same buckets again must be the same array: routes are compared by it.
    if (known) known.allocations++
    else this.#meters.set(key, { ids, allocations: 1 })
    asked.answer(undefined)
  }

  /** The main thread has refused a claim. */
  refused(allocation: AllocationId, { code, why, cause, tooFast }: AdmissionRefusal): void {
    const asked = this.#asked.get(allocation)
    this.#asked.delete(allocation)
    asked?.answer({ code, why, ...(cause && { cause }), ...(tooFast && { tooFast }) })
  }

  confirm(allocation: AllocationId): void {
    this.#post({ kind: 'confirmed', allocation })
  }

  release(allocation: AllocationId): void {
    const key = this.#admitted.get(allocation)
    if (key === undefined) return
    this.#admitted.delete(allocation)
    const meters = this.#meters.get(key)
    if (meters && --meters.allocations === 0) this.#meters.delete(key)
    this.#post({ kind: 'released', allocation })
  }

  unreserve(owner: Owner, client: Address): void {
    this.#post({ kind: 'unreserved', owner, client })
  }

  /** Takes the buckets that everybody has after a change of the limits. */
  setMeters(all: readonly OwnerMeters[]): void {
    for (const { owner, ids } of all) {
      const meters = this.#meters.get(ownerKey(owner))
      if (meters) meters.ids = ids
    }
  }

  /** Nothing: the limits are the main thread's to know. */
  configure(): void {}

  take(owner: Owner): readonly MeterId[] {
    return this.#meters.get(ownerKey(owner))?.ids ?? NONE
  }

  /** Nothing: buckets go with the last allocation of their owner. */
  give(): void {}
}
