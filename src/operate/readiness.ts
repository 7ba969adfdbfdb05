import type { Status } from '../control/view.ts'
import { openDescriptors } from '../system/descriptor-count.ts'
import { descriptors } from '../system/descriptors.ts'
import type { Engine } from '../workers/engine.ts'
import type { Shutdown } from './shutdown.ts'

/** The share of ports, descriptors and allocations at which new calls had better go elsewhere. */
const PORTS_FULL = 0.95
const ALLOCATIONS_FULL = 0.95
const DESCRIPTORS_FULL = 0.9

/** What readiness is judged by. */
export interface Vitals {
  readonly listening: boolean
  readonly draining: boolean
  /** Sentences that say which relay addresses are missing. */
  readonly waiting: readonly string[]
  /** Workers that have broken and are not back yet. */
  readonly missing: number
  readonly ports: { readonly used: number; readonly total: number }
  readonly allocations: { readonly held: number; readonly limit: number }
  /** Open files of the process and how many it may have; undefined where the system does not say. */
  readonly descriptors: { readonly open: number; readonly limit: number } | undefined
  /** Milliseconds since the epoch; undefined without a certificate. */
  readonly certificateExpires: number | undefined
  readonly now: number
}

/** Tells whether new calls should come. */
export class Readiness {
  readonly #engine: Engine
  readonly #shutdown: Pick<Shutdown, 'state'>
  /** True while the listeners are bound. */
  listening = false

  constructor(engine: Engine, shutdown: Pick<Shutdown, 'state'>) {
    this.#engine = engine
    this.#shutdown = shutdown
  }

  /** What the relay is doing, in the words of the API. */
  get state(): Status['state'] {
    const { state } = this.#shutdown
    if (state !== 'none') return state
    return this.listening ? 'serving' : 'starting'
  }

  /** Why new calls should go elsewhere; empty when they may come. */
  reasons(): string[] {
    const { admission, ports, waiting, shards, certificateExpires } = this.#engine
    return notReady({
      listening: this.listening,
      draining: this.#shutdown.state !== 'none',
      waiting,
      missing: shards.missing,
      ports,
      allocations: { held: admission.total, limit: admission.limit },
      descriptors: readDescriptors(),
      certificateExpires,
      now: Date.now(),
    })
  }
}

/** Says in words why the relay should get no new calls; nothing when it may. */
export function notReady(vitals: Vitals): string[] {
  const reasons: string[] = []
  if (!vitals.listening) reasons.push('listeners are not bound')
  if (vitals.draining) reasons.push('draining')
  reasons.push(...vitals.waiting)
  const { missing, ports, allocations, descriptors } = vitals
  if (missing > 0) reasons.push(`${missing} of the workers ${missing === 1 ? 'is' : 'are'} being replaced`)
  if (ports.used > PORTS_FULL * ports.total) {
    reasons.push(`relay ports nearly used up: ${ports.used} of ${ports.total}`)
  }
  if (allocations.held > ALLOCATIONS_FULL * allocations.limit) {
    reasons.push(`allocations nearly used up: ${allocations.held} of ${allocations.limit}`)
  }
  if (descriptors && descriptors.open > DESCRIPTORS_FULL * descriptors.limit) {
    reasons.push(`file descriptors nearly used up: ${descriptors.open} of ${descriptors.limit}`)
  }
  if (vitals.certificateExpires !== undefined && vitals.certificateExpires <= vitals.now) {
    reasons.push('the TLS certificate has expired')
  }
  return reasons
}

/** How many descriptors this process has open and may have; undefined where the system does not say. */
export function readDescriptors(): { open: number; limit: number } | undefined {
  const { limit } = descriptors
  const open = openDescriptors()
  return open === undefined || limit === Number.POSITIVE_INFINITY
    ? undefined
    : { open: Math.min(open, limit), limit }
}
