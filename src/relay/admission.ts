import { randomFillSync } from 'node:crypto'
import type { Address } from '../base/address.ts'
import type { AllocationId } from '../base/ids.ts'
import type { Clock } from '../base/time.ts'
import type { Claim } from '../core/command.ts'
import { type CapacityCause, type Owner, ownerKey } from '../core/event.ts'
import { customerKey } from '../limits/customer.ts'
import { GcraTable } from '../limits/gcra-table.ts'
import type { ParkedPort } from '../net/ports/parked-port.ts'
import { monotonicClock } from '../system/clock.ts'

/** How many allocations and reserved ports may be held at once. */
export interface Quotas {
  readonly perUser: number
  /** Per customer: an IPv4 address, or an IPv6 /56. */
  readonly perAddress: number
  /** By homeserver name; those not in it are bounded by `total` alone. */
  readonly perTenant: ReadonlyMap<string, number>
  readonly total: number
  /** Allocations that one user may open in a minute; absent for any number. */
  readonly perUserPerMinute?: number
}

/** 486 where someone's share is used up, 508 where the server is full (RFC 8656 §7.2). */
export interface AdmissionRefusal {
  readonly code: 486 | 508
  readonly why: string
  readonly cause?: CapacityCause
  /** Present where the user only has to wait. */
  readonly tooFast?: true
}

/** Of a claim, what its units are counted by. */
export type AdmissionRequest = Pick<Claim, 'allocation' | 'owner' | 'client' | 'port' | 'token'> & {
  readonly reserved?: { readonly owner: Owner; readonly client: Address }
}

/**
 * Where a shard has its claims settled: here, or by the thread that keeps the
 * book for all shards.
 */
export interface Gate {
  /**
   * Takes the units of a claim, or says why not and takes none. Answers once,
   * at once or later, with the port of the claim's token if it has one.
   */
  admit(claim: Claim, answer: (refusal: AdmissionRefusal | undefined, parked?: ParkedPort) => void): void
  /** Settles a claim whose sockets are bound. */
  confirm(allocation: AllocationId): void
  /** Gives back what an allocation holds, confirmed or not. */
  release(allocation: AllocationId): void
  /** Gives back the unit of a reserved port that nobody claimed. */
  unreserve(owner: Owner, client: Address): void
}

/**
 * The book of quota units. One unit is an allocation, of one family or two, or
 * a port that is reserved for a later one (RFC 8656 §7.2). Units are counted
 * against the user, never against the timestamp in a user name, so a fresh
 * credential does not give a fresh quota.
 *
 * A unit is reserved before the bind and confirmed after it; whichever way the
 * claim ends, `release` gives back exactly what it still holds, once.
 */
export class Admission implements Gate {
  /** While it is true nothing more is admitted, for want of memory. */
  isShortOfMemory = false
  /** Whether a budget is used up that ends with no new sessions for this owner. */
  isSpent: (owner: Owner) => boolean = () => false
  #quotas: Quotas
  #total = 0
  readonly #byUser = new Map<string, number>()
  readonly #byAddress = new Map<string, number>()
  readonly #byTenant = new Map<string, number>()
  readonly #holds = new Map<AllocationId, Hold>()
  /** Reserved ports that no token has claimed yet, by holder. */
  readonly #spare = new Map<string, number>()
  readonly #pace: Pace

  constructor(quotas: Quotas, clock: Clock = monotonicClock) {
    this.#quotas = quotas
    this.#pace = new Pace(clock)
  }

  /** Applies other limits; what is held already stays. */
  configure(quotas: Quotas): void {
    this.#quotas = quotas
  }

  admit(claim: Claim, answer: (refusal: AdmissionRefusal | undefined) => void): void {
    answer(this.reserve(claim))
  }

  /** Takes the units of a claim, or says why not and takes none. */
  reserve(claim: AdmissionRequest): AdmissionRefusal | undefined {
    if (this.isSpent(claim.owner)) return { code: 486, why: 'budgets' }
    const holder = holderOf(claim.owner, claim.client)
    const token = claim.reserved && holderOf(claim.reserved.owner, claim.reserved.client)
    const moved = token !== undefined && this.#takeSpare(token) ? token : undefined
    const units = claim.port === 'pair' ? 2 : 1
    if (moved) this.#count(moved, -1)
    const refusal =
      this.#refuse(holder, units) ?? this.#pace.refuse(holder.user, this.#quotas.perUserPerMinute)
    if (refusal) {
      if (moved) this.#giveSpare(moved)
      return refusal
    }
    this.#count(holder, units)
    this.#holds.set(claim.allocation, { holder, units, moved })
    return undefined
  }

  /** Settles a claim whose sockets are bound. The second unit of a pair now belongs to the reservation. */
  confirm(allocation: AllocationId): void {
    const hold = this.#holds.get(allocation)
    if (!hold) return
    if (hold.units === 2) addTo(this.#spare, spareKey(hold.holder), 1)
    this.#holds.set(allocation, { holder: hold.holder, units: 1, moved: undefined })
  }

  /** Gives back what an allocation holds, confirmed or not; a token that was not used up is good again. */
  release(allocation: AllocationId): void {
    const hold = this.#holds.get(allocation)
    if (!hold) return
    this.#holds.delete(allocation)
    this.#count(hold.holder, -hold.units)
    if (hold.moved) this.#giveSpare(hold.moved)
  }

  /** Enters, whatever the limits, what another process has admitted: an allocation, or a port that is reserved. */
  take(owner: Owner, client: Address, allocation: AllocationId | 'reserved'): void {
    const holder = holderOf(owner, client)
    this.#count(holder, 1)
    if (allocation === 'reserved') addTo(this.#spare, spareKey(holder), 1)
    else this.#holds.set(allocation, { holder, units: 1, moved: undefined })
  }

  unreserve(owner: Owner, client: Address): void {
    const holder = holderOf(owner, client)
    if (this.#takeSpare(holder)) this.#count(holder, -1)
  }

  /** Units held in all. */
  get total(): number {
    return this.#total
  }

  /** Users who hold at least one unit. */
  get users(): number {
    return this.#byUser.size
  }

  get limit(): number {
    return this.#quotas.total
  }

  heldByUser(owner: Owner): number {
    return this.#byUser.get(ownerKey(owner)) ?? 0
  }

  heldByTenant(tenant: string): number {
    return this.#byTenant.get(tenant) ?? 0
  }

  heldByAddress(client: Address): number {
    return this.#byAddress.get(customerOf(client)) ?? 0
  }

  #refuse(holder: Holder, units: number): AdmissionRefusal | undefined {
    const quotas = this.#quotas
    if ((this.#byUser.get(holder.user) ?? 0) + units > quotas.perUser) {
      return { code: 486, why: 'limits.allocationsPerUser' }
    }
    if ((this.#byAddress.get(holder.customer) ?? 0) + units > quotas.perAddress) {
      return { code: 486, why: 'limits.allocationsPerAddress' }
    }
    const share = quotas.perTenant.get(holder.tenant)
    if (share !== undefined && (this.#byTenant.get(holder.tenant) ?? 0) + units > share) {
      return { code: 486, why: 'homeservers[].limits.allocations' }
    }
    if (this.#total + units > quotas.total)
      return { code: 508, why: 'limits.allocations', cause: 'allocations' }
    if (this.isShortOfMemory) return { code: 508, why: 'memory is nearly full', cause: 'memory' }
    return undefined
  }

  #count(holder: Holder, units: number): void {
    this.#total += units
    addTo(this.#byUser, holder.user, units)
    addTo(this.#byAddress, holder.customer, units)
    addTo(this.#byTenant, holder.tenant, units)
  }

  #takeSpare(holder: Holder): boolean {
    if (!this.#spare.has(spareKey(holder))) return false
    addTo(this.#spare, spareKey(holder), -1)
    return true
  }

  #giveSpare(holder: Holder): void {
    addTo(this.#spare, spareKey(holder), 1)
    this.#count(holder, 1)
  }
}

/** Milliseconds that a user's rate is counted over. */
const MINUTE = 60_000
/** The table has 4 · 2^12 places for users who owe something. */
const ROW_BITS = 12
const OPENED = 1

/** How fast users open allocations: a minute's worth at once, then evenly. */
class Pace {
  readonly #clock: Clock
  readonly #debts = new GcraTable(GcraTable.memory(octets => void randomFillSync(octets), ROW_BITS))

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Counts an allocation of this user, or says why there shall be none. */
  refuse(user: string, perMinute: number | undefined): AdmissionRefusal | undefined {
    if (perMinute === undefined) return undefined
    const key = this.#debts.key(OPENED, { text: user })
    if (this.#debts.take(key, MINUTE / perMinute, MINUTE, this.#clock.now())) return undefined
    return { code: 486, why: 'limits.allocationsPerUserPerMinute', tooFast: true }
  }
}

interface Holder {
  readonly tenant: string
  readonly user: string
  readonly customer: string
}

interface Hold {
  readonly holder: Holder
  readonly units: 1 | 2
  /** Whose reservation the unit came from, until the claim is settled. */
  readonly moved: Holder | undefined
}

function holderOf(owner: Owner, client: Address): Holder {
  return { tenant: owner.tenant, user: ownerKey(owner), customer: customerOf(client) }
}

/** Keys of IPv4 are numbers and of IPv6 strings, so no two are the same text. */
function customerOf(client: Address): string {
  return `${client.family}${customerKey(client.ip)}`
}

function spareKey(holder: Holder): string {
  return `${holder.customer.length}:${holder.customer}${holder.user}`
}

/** Entries go at zero, so the maps are as large as what is held now. */
function addTo(counts: Map<string, number>, key: string, units: number): void {
  const held = (counts.get(key) ?? 0) + units
  if (held > 0) counts.set(key, held)
  else counts.delete(key)
}
