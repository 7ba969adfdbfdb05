import type { AllocationId, MeterId } from '../base/ids.ts'
import type { Event } from '../core/event.ts'
import type { ReservedPort } from '../net/ports/parked-port.ts'
import type { AdmissionRequest } from '../relay/admission.ts'

/** What a worker holds for one claim. */
export interface Holding {
  readonly ask: AdmissionRequest
  meters: readonly MeterId[]
  /** Told once the allocation has opened. */
  opened: (Event & { kind: 'opened' }) | undefined
  /** The port of the claim's token, until the worker has adopted it. */
  adopting: ReservedPort | undefined
}

/**
 * What one worker holds in the books of the main thread, so that it can be
 * given back if the worker breaks and cannot do it.
 */
export class Holdings {
  readonly allocations = new Map<AllocationId, Holding>()
}
