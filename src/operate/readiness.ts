import type { Status } from '../control/view.ts'
import { openDescriptors } from '../system/descriptor-count.ts'
import { descriptors } from '../system/descriptors.ts'
import type { Shutdown } from './shutdown.ts'

/** What the relay is doing, in the words of the API. */
export class Readiness {
  readonly #shutdown: Pick<Shutdown, 'state'>
  /** True while the listeners are bound. */
  listening = false

  constructor(shutdown: Pick<Shutdown, 'state'>) {
    this.#shutdown = shutdown
  }

  get state(): Status['state'] {
    const { state } = this.#shutdown
    if (state !== 'none') return state
    return this.listening ? 'serving' : 'starting'
  }
}

/** How many descriptors this process has open and may have; undefined where the system does not say. */
export function readDescriptors(): { open: number; limit: number } | undefined {
  const { limit } = descriptors
  const open = openDescriptors()
  return open === undefined || limit === Number.POSITIVE_INFINITY
    ? undefined
    : { open: Math.min(open, limit), limit }
}
