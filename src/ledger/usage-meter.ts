import type { AllocationId } from '../base/ids.ts'
import { MEASURES } from '../base/measures.ts'
import type { Traffic } from '../base/route.ts'
import type { Time } from '../base/time.ts'
import type { Event, Owner, RejectReason } from '../core/event.ts'
import { SECONDS_AN_HOUR, type UsageKey, type UsageRow } from './usage.ts'

/** Rows that wait in memory at most; beyond them only users are no longer told apart, and no sum is wrong. */
const MOST_ROWS = 100_000

/** An open allocation, and how much of it has been counted. */
interface Open {
  readonly owner: Owner
  readonly homeserver: string
  readonly user: string
  readonly opened: Time
  transport: string
  family: number
  readonly counted: Sums
  /** It was handed over, and how much another process has counted is not known yet. */
  isForeign: boolean
}

/** Order as in `MEASURES`. */
type Sums = Float64Array
const [ALLOCATIONS, MILLISECONDS, REFUSALS] = [4, 5, 6] as const

export interface UsageMeterOptions {
  /** How a user is called in the ledger. */
  readonly identify: (user: string) => string
  /** Milliseconds by the machine's calendar. */
  readonly wall: () => number
  readonly mostRows?: number
  /** Is told of octets of payload that an owner has used, as they are counted. */
  readonly grew?: (owner: Owner, octets: number) => void
}

/**
 * Sums up what allocations have used since `take`, by hour and by who it was.
 * An allocation's own counters only grow, and what is added is what they have
 * grown by, so whatever is read late, twice or not at all is counted once.
 */
export class UsageMeter {
  readonly #options: UsageMeterOptions
  readonly #open = new Map<AllocationId, Open>()
  #rows = new Map<string, { readonly key: UsageKey; readonly sums: Sums }>()
  #hour: number

  constructor(options: UsageMeterOptions) {
    this.#options = options
    this.#hour = this.#hourNow()
  }

  /** Rows that wait. */
  get size(): number {
    return this.#rows.size
  }

  hear(event: Event): void {
    if (event.kind === 'opened') this.#opened(event)
    if (event.kind === 'roamed') this.#roamed(event)
    if (event.kind === 'closed') this.#closed(event)
    // The first 401 is how every session begins.
    if (event.kind === 'rejected' && event.why !== 'first-401') this.#refused(event)
  }

  /**
   * Keeps an allocation that another process has opened and handed over. What it
   * has carried by the first reading was that one's to count.
   */
  adopt(event: Event & { readonly kind: 'opened' }): void {
    this.#keep(event, true)
  }

  /** Requests that were refused, of which no more is known than the reason. */
  countRefused(why: RejectReason, count: number): void {
    if (why === 'first-401') return
    this.#sums({ homeserver: '', user: '', transport: '', family: 0 })[REFUSALS]! += count
  }

  /** Adds what one open allocation has carried and how long it has been held. */
  count(allocation: AllocationId, traffic: Traffic | undefined, now: Time): void {
    const open = this.#open.get(allocation)
    if (open) this.#add(open, traffic, now)
  }

  /** Those that are open. What opens or ends meanwhile is among them or not. */
  allocations(): Iterable<AllocationId> {
    return this.#open.keys()
  }

  /**
   * Hands over what has come together, and begins anew; what follows belongs to the hour that it is now. There may be
   * tens of thousands of rows, so each is made when it is its turn, and again if they are gone through again.
   */
  take(): Iterable<UsageRow> {
    const rows = this.#rows
    this.#rows = new Map()
    this.#hour = this.#hourNow()
    return {
      *[Symbol.iterator]() {
        for (const row of rows.values()) yield rowOf(row)
      },
    }
  }

  /** Takes a row back that could not be kept. */
  putBack([hour, homeserver, user, transport, family, ...measures]: UsageRow): void {
    const sums = this.#sums({ homeserver, user, transport, family }, hour)
    for (const [i, value] of measures.entries()) sums[i]! += value
  }

  #opened(event: Event & { readonly kind: 'opened' }): void {
    this.#sums(this.#keep(event, false))[ALLOCATIONS]! += 1
  }

  #keep(event: Event & { readonly kind: 'opened' }, isForeign: boolean): Open {
    const { allocation, owner, client, via, at } = event
    const open = {
      owner,
      homeserver: owner.tenant,
      user: owner.user === '' ? '' : this.#options.identify(owner.user),
      opened: at,
      transport: via,
      family: client.family,
      counted: new Float64Array(MEASURES.length),
      isForeign,
    }
    this.#open.set(allocation, open)
    return open
  }

  /** What it has carried since the last count is put down to the new way. */
  #roamed({ allocation, client, via }: Event & { readonly kind: 'roamed' }): void {
    const open = this.#open.get(allocation)
    if (open) Object.assign(open, { transport: via, family: client.family })
  }

  #closed({ allocation, traffic, at }: Event & { readonly kind: 'closed' }): void {
    const open = this.#open.get(allocation)
    if (!open) return
    this.#open.delete(allocation)
    this.#add(open, traffic, at)
  }

  #refused({ owner, via, from }: Event & { readonly kind: 'rejected' }): void {
    const user = owner?.user ?? ''
    const key = {
      // A name that nothing has proved is nobody's.
      homeserver: owner?.tenant ?? '',
      user: user === '' ? '' : this.#options.identify(user),
      transport: via,
      family: from.family,
    }
    this.#sums(key)[REFUSALS]! += 1
  }

  /** Without a reading nothing is added, and the next one has it all. */
  #add(open: Open, traffic: Traffic | undefined, now: Time): void {
    if (!traffic) return
    const { toPeer, toClient } = traffic
    const totals = [toPeer.bytes, toPeer.packets, toClient.bytes, toClient.packets]
    const sums = this.#sums(open)
    const grow = (measure: number, total: number) => {
      // A shard that broke, or a reading that came late, says less than was counted before.
      const more = Math.max(0, total - open.counted[measure]!)
      open.counted[measure]! += more
      if (open.isForeign) return 0
      sums[measure]! += more
      return more
    }
    const [toPeers = 0, , toClients = 0] = totals.map((total, measure) => grow(measure, total))
    grow(MILLISECONDS, Math.round(now - open.opened))
    open.isForeign = false
    if (toPeers + toClients > 0) this.#options.grew?.(open.owner, toPeers + toClients)
  }

  #sums(who: Omit<UsageKey, 'hour'>, hour = this.#hour): Sums {
    const name = nameOf(who, hour)
    const found = this.#rows.get(name)
    if (found) return found.sums
    const { homeserver, transport, family } = who
    if (who.user !== '' && this.#rows.size >= (this.#options.mostRows ?? MOST_ROWS))
      return this.#sums({ homeserver, user: '', transport, family }, hour)
    const sums = new Float64Array(MEASURES.length)
    this.#rows.set(name, { key: { hour, homeserver, user: who.user, transport, family }, sums })
    return sums
  }

  #hourNow(): number {
    const seconds = Math.floor(this.#options.wall() / 1000)
    return seconds - (seconds % SECONDS_AN_HOUR)
  }
}

/** Neither name can hold a NUL. */
function nameOf({ homeserver, user, transport, family }: Omit<UsageKey, 'hour'>, hour: number): string {
  return `${hour}\0${homeserver}\0${user}\0${transport}\0${family}`
}

function rowOf({ key, sums }: { readonly key: UsageKey; readonly sums: Sums }): UsageRow {
  const { hour, homeserver, user, transport, family } = key
  return [hour, homeserver, user, transport, family, ...sums]
}
