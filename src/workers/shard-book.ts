import type { AllocationId } from '../base/ids.ts'
import { noTraffic } from '../base/route.ts'
import type { Clock, Time } from '../base/time.ts'
import type { Settings } from '../config/settings.ts'
import { Buckets, NOBODY_SLOWED, type Slowed, slowedTo } from '../core/buckets.ts'
import type { Event } from '../core/event.ts'
import type { Meters } from '../limits/meters.ts'
import type { ParkedPort, ReservedPort } from '../net/ports/parked-port.ts'
import type { Admission, AdmissionRequest } from '../relay/admission.ts'
import { relayLimits } from '../relay/relay-config.ts'
import { type Holding, Holdings } from './holdings.ts'
import type { HeldAllocation, OwnerMeters, ToWorker } from './protocol.ts'
import { Reservations } from './reservations.ts'

/** Token buckets that one claim can need: the user's, the homeserver's, the total. */
const MOST_BUCKETS = 3

export interface ShardBookParts {
  readonly shards: number
  readonly admission: Admission
  readonly meters: Meters
  readonly clock: Clock
  /** Closes our descriptor of a port that a worker has adopted. */
  readonly adopted: (parked: ParkedPort) => void
  /** The same of one that nobody adopts, which is free for others. */
  readonly freed: (parked: ParkedPort) => void
}

/**
 * The books that the main thread keeps for all workers: who may have what, who
 * has it, and what is told of it.
 */
export class ShardBook {
  readonly #parts: ShardBookParts
  readonly #shards: number
  readonly #reservations = new Reservations()
  readonly #admission: Admission
  readonly #meters: Meters
  readonly #buckets: Buckets
  #slowed = NOBODY_SLOWED
  readonly #clock: Clock
  readonly #holdings: readonly Holdings[]

  constructor(settings: Settings, parts: ShardBookParts) {
    this.#parts = parts
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
    const { allocation, owner, token } = ask
    const port = token && this.#reservations.take(token, this.#clock.now())
    if (token && !port) {
      const why = 'the reservation token is unknown or used'
      return { kind: 'refused', allocation, code: 508, why, cause: 'reservation' }
    }
    const refusal =
      this.#meters.left < MOST_BUCKETS
        ? ({ code: 508, why: 'no token bucket is left' } as const)
        : this.#admission.reserve(port ? { ...ask, reserved: port } : ask)
    if (refusal) {
      // The token is used up by the attempt, so the port behind it is free again.
      if (port) this.#giveBack(port)
      return { kind: 'refused', allocation, ...refusal }
    }
    const holdings = this.#holdings[shard]!
    const meters = this.#buckets.take(owner, this.#clock.now())
    holdings.allocations.set(allocation, { ask, meters, opened: undefined, adopting: port })
    return { kind: 'admitted', allocation, meters, ...(port && { parked: port.parked }) }
  }

  /** `parked` is the odd port that is reserved with it. */
  confirm(shard: number, allocation: AllocationId, parked?: ParkedPort): void {
    const holding = this.#holdings[shard]!.allocations.get(allocation)
    if (!holding) {
      if (parked) this.#parts.freed(parked)
      return
    }
    this.#admission.confirm(allocation)
    if (holding.adopting) this.#parts.adopted(holding.adopting.parked)
    holding.adopting = undefined
    const { owner, client } = holding.ask
    if (parked) this.#reservations.keep(parked, owner, client, this.#clock.now())
  }

  /** Whether this is the token of a port that is reserved. */
  knows(token: Uint8Array): boolean {
    return this.#reservations.has(token)
  }

  /** Gives back the ports that nobody has claimed in time; returns what there is to tell. */
  tick(): Event[] {
    const at = this.#clock.now()
    return this.#reservations.takeExpired(at).map(port => {
      this.#giveBack(port)
      return { kind: 'unreserved', at, owner: port.owner, client: port.client }
    })
  }

  /** Gives back all reserved ports. */
  close(): void {
    for (const port of this.#reservations.takeAll()) this.#giveBack(port)
  }

  #giveBack({ parked, owner, client }: ReservedPort): void {
    this.#admission.unreserve(owner, client)
    this.#parts.freed(parked)
  }

  release(shard: number, allocation: AllocationId): void {
    const { allocations } = this.#holdings[shard]!
    const holding = allocations.get(allocation)
    if (!holding) return
    allocations.delete(allocation)
    this.#admission.release(allocation)
    this.#buckets.give(holding.meters)
    // The token is used up, although nobody has the port.
    if (holding.adopting) this.#giveBack(holding.adopting)
  }

  /** Takes note of what a worker tells. */
  told(shard: number, event: Event): void {
    if (event.kind !== 'opened' && event.kind !== 'roamed') return
    const holding = this.#holdings[shard]!.allocations.get(event.allocation)
    if (!holding) return
    if (event.kind === 'opened') holding.opened = event
    else if (holding.opened) holding.opened = { ...holding.opened, client: event.client, via: event.via }
  }

  /** Gives back everything that a worker held. Returns what has to be told of it, as it cannot. */
  lose(shard: number, at: number): Event[] {
    const { allocations } = this.#holdings[shard]!
    const lost: Event[] = []
    for (const [allocation, { opened }] of [...allocations]) {
      this.release(shard, allocation)
      if (opened) lost.push(lostEvent(opened, at as Time))
    }
    return lost
  }

  /** What a worker holds, for the one that takes its place. */
  held(shard: number): HeldAllocation[] {
    return Array.from(this.#holdings[shard]!.allocations, ([allocation, { ask, meters }]) => ({
      allocation,
      owner: ask.owner,
      ids: meters,
    }))
  }

  /**
   * Takes note of what a worker has taken over from the one before it, and gives everything else back that this one
   * held. Returns what there is to tell.
   */
  takenOver(shard: number, taken: readonly (Event & { kind: 'opened' })[], at: number): Event[] {
    const { allocations } = this.#holdings[shard]!
    const events: Event[] = []
    const kept = new Set<AllocationId>()
    for (const event of taken) {
      kept.add(event.allocation)
      const holding = allocations.get(event.allocation)
      if (!holding) continue
      // Neither may have been told before the worker broke.
      this.confirm(shard, event.allocation)
      if (!holding.opened) events.push(event)
      holding.opened = event
    }
    for (const [allocation, { opened }] of [...allocations]) {
      if (kept.has(allocation)) continue
      this.release(shard, allocation)
      if (opened) events.push(lostEvent(opened, at as Time))
    }
    return events
  }

  /** Ports that wait for their tokens. */
  reserved(): ReservedPort[] {
    return this.#reservations.all()
  }

  /** Takes such a port over from another process, whose unit is entered already. */
  reserve(port: ReservedPort): void {
    this.#reservations.restore(port)
  }

  /**
   * Enters what a worker has taken over from another process, whose units are entered already. Returns what it has to
   * know of them.
   */
  adopt(shard: number, taken: readonly (Event & { kind: 'opened' })[]): HeldAllocation[] {
    for (const opened of taken) {
      const { allocation, owner, client } = opened
      const ask = { allocation, owner, client, port: 'any' } as const
      const meters = this.#buckets.take(owner, this.#clock.now())
      this.#holdings[shard]!.allocations.set(allocation, { ask, meters, opened, adopting: undefined })
    }
    return this.held(shard)
  }

  /** Applies other limits. Returns for each worker the buckets that its owners have now. */
  configure(settings: Settings): OwnerMeters[][] {
    this.#buckets.configure(relayLimits(settings))
    return this.#holdings.map(({ allocations }) => Array.from(allocations.values(), one => this.#retake(one)))
  }

  /** Slows users down whose budget is used up. Returns for each worker the buckets of those for whom that is new. */
  slow(slowed: Slowed): OwnerMeters[][] {
    const before = this.#slowed
    this.#slowed = slowed
    this.#buckets.slow(slowed)
    return this.#holdings.map(({ allocations }) =>
      [...allocations.values()]
        .filter(({ ask }) => slowedTo(before, ask.owner) !== slowedTo(slowed, ask.owner))
        .map(holding => this.#retake(holding)),
    )
  }

  #retake(holding: Holding): OwnerMeters {
    const { owner } = holding.ask
    const before = holding.meters
    holding.meters = this.#buckets.take(owner, this.#clock.now())
    this.#buckets.give(before)
    return { owner, ids: holding.meters }
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
