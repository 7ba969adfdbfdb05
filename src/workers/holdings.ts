import type { Address } from '../base/address.ts'
import type { AllocationId, MeterId } from '../base/ids.ts'
import { type Event, type Owner, ownerKey } from '../core/event.ts'
import type { AdmissionRequest } from '../relay/admission.ts'

/** What a worker holds for one claim. */
export interface Holding {
  readonly ask: AdmissionRequest
  meters: readonly MeterId[]
  /** Told once the allocation has opened. */
  opened: (Event & { kind: 'opened' }) | undefined
}

/** Whose a reserved port is. */
export interface Spare {
  readonly owner: Owner
  readonly client: Address
}

/**
 * What one worker holds in the books of the main thread, so that it can be
 * given back if the worker breaks and cannot do it.
 */
export class Holdings {
  readonly allocations = new Map<AllocationId, Holding>()
  readonly #spare: Spare[] = []

  /** Reserved ports that no token has claimed. */
  get spare(): readonly Spare[] {
    return this.#spare
  }

  reserve(owner: Owner, client: Address): void {
    this.#spare.push({ owner, client })
  }

  /** A reserved port is one no longer. */
  unreserve(owner: Owner, client: Address): void {
    const at = this.#spare.findIndex(
      spare => spare.client.key === client.key && ownerKey(spare.owner) === ownerKey(owner),
    )
    if (at >= 0) this.#spare.splice(at, 1)
  }
}
