import type { Address } from '../base/address.ts'
import type { AllocationId } from '../base/ids.ts'
import { noTraffic } from '../base/route.ts'
import type { Clock, Time } from '../base/time.ts'
import type { Settings } from '../config/settings.ts'
import { Buckets } from '../core/buckets.ts'
import type { Event, Owner } from '../core/event.ts'
import type { Meters } from '../limits/meters.ts'
import type { Admission, AdmissionRequest } from '../relay/admission.ts'
import { relayLimits } from '../relay/relay-config.ts'
import { Holdings } from './holdings.ts'
import type { OwnerMeters, ToWorker } from './protocol.ts'

/** Token buckets that one claim can need: the user's, the homeserver's, the total. */
const MOST_BUCKETS = 3

/**
 * The books that the main thread keeps for all workers: who may have what, who
 * has it, and what is told of it.
 */
export class ShardBook {
  readonly #shards: number
  readonly #admission: Admission
  readonly #meters: Meters
  readonly #buckets: Buckets
  readonly #clock: Clock
  readonly #holdings: readonly Holdings[]

  constructor(
    settings: Settings,
    parts: {
      readonly shards: number
      readonly admission: Admission
      readonly meters: Meters
      readonly clock: Clock
    },
  ) {
    this.#shards = parts.shards
    this.#admission = parts.admission
    this.#meters = parts.meters
    this.#clock = parts.clock
    this.#buckets = new Buckets(parts.meters, relayLimits(settings))
    this.#holdings = Array.from({ length: parts.shards }, () => new Holdings())
  }

  /** Allocations that workers hold or are about to. */
  get allocations(): number {
    return this.#holdings.reduce((sum, holdings) => sum + holdings.allocations.size, 0)
  }

  /** Settles a claim; returns the answer for the worker. */
  claim(shard: number, ask: AdmissionRequest): ToWorker {
    const { allocation, owner, reserved } = ask
    const refusal =
      this.#meters.left < MOST_BUCKETS
        ? ({ code: 508, why: 'no token bucket is left' } as const)
        : this.#admission.reserve(ask)
    if (refusal) return { kind: 'refused', allocation, ...refusal }
    const holdings = this.#holdings[shard]!
    if (reserved) holdings.unreserve(reserved.owner, reserved.client)
    const meters = this.#buckets.take(owner, this.#clock.now())
    holdings.allocations.set(allocation, { ask, meters, opened: undefined })
    return { kind: 'admitted', allocation, meters }
  }

  confirm(shard: number, allocation: AllocationId): void {
    const holdings = this.#holdings[shard]!
    const holding = holdings.allocations.get(allocation)
    if (!holding) return
    this.#admission.confirm(allocation)
    if (holding.ask.port === 'pair') holdings.reserve(holding.ask.owner, holding.ask.client)
  }

  release(shard: number, allocation: AllocationId): void {
    const { allocations } = this.#holdings[shard]!
    const holding = allocations.get(allocation)
    if (!holding) return
    allocations.delete(allocation)
    this.#admission.release(allocation)
    this.#buckets.give(holding.meters)
  }

  unreserve(shard: number, owner: Owner, client: Address): void {
    this.#holdings[shard]!.unreserve(owner, client)
    this.#admission.unreserve(owner, client)
  }

  /** Takes note of what a worker tells. */
  told(shard: number, event: Event): void {
    if (event.kind !== 'opened') return
    const holding = this.#holdings[shard]!.allocations.get(event.allocation)
    if (holding) holding.opened = event
  }

  /** Gives back everything that a worker held. Returns what has to be told of it, as it cannot. */
  lose(shard: number, at: number): Event[] {
    const { allocations, spare } = this.#holdings[shard]!
    const lost: Event[] = []
    for (const [allocation, { opened }] of [...allocations]) {
      this.release(shard, allocation)
      if (opened) lost.push(lostEvent(opened, at as Time))
    }
    for (const { owner, client } of [...spare]) this.unreserve(shard, owner, client)
    return lost
  }

  /** Applies other limits. Returns for each worker the buckets that its owners have now. */
  configure(settings: Settings): OwnerMeters[][] {
    this.#buckets.configure(relayLimits(settings))
    return this.#holdings.map(({ allocations }) =>
      [...allocations.values()].map(holding => {
        const before = holding.meters
        holding.meters = this.#buckets.take(holding.ask.owner, this.#clock.now())
        this.#buckets.give(before)
        return { owner: holding.ask.owner, ids: holding.meters }
      }),
    )
  }

  /** The shard whose allocation this is; undefined where nobody has it. */
  shardOf(allocation: AllocationId): number | undefined {
    const shard = this.#holdings.findIndex(({ allocations }) => allocations.has(allocation))
    return shard < 0 ? undefined : shard
  }
}

/** What an allocation had carried by then, nobody knows any more. */
function lostEvent(opened: Event & { kind: 'opened' }, at: Time): Event {
  const { kind: _, at: since, ...whose } = opened
  return { ...whose, kind: 'closed', at, since, reason: 'lost', traffic: noTraffic(), peers: 0 }
}
