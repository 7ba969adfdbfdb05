import { formatIp } from '../base/address.ts'
import type { AllocationId } from '../base/ids.ts'
import type { Event } from '../core/event.ts'
import type { Pseudonyms } from '../log/pseudonyms.ts'

export type OpenedEvent = Event & { readonly kind: 'opened' }

/** A session that is open, and how it is called without naming anybody. */
export interface SessionEntry {
  readonly opened: OpenedEvent
  /** Pseudonyms of today. */
  readonly user: string
  readonly client: string
}

const DAY = 86_400_000

/**
 * The allocations that are open, as they were told of. What nobody asks for is
 * not computed: pseudonyms are made when somebody looks, once a day for each.
 */
export class OpenSessions {
  readonly #pseudonyms: Pseudonyms
  readonly #now: () => number
  readonly #open = new Map<AllocationId, OpenedEvent>()
  #entries = new Map<AllocationId, SessionEntry>()
  #day = 0

  constructor(pseudonyms: Pseudonyms, now: () => number = Date.now) {
    this.#pseudonyms = pseudonyms
    this.#now = now
  }

  hear(event: Event): void {
    if (event.kind === 'opened') this.#open.set(event.allocation, event)
    if (event.kind === 'roamed') this.#roamed(event)
    if (event.kind !== 'closed') return
    this.#open.delete(event.allocation)
    this.#entries.delete(event.allocation)
  }

  /** By id of the session; undefined when it is not open. */
  find(id: string): SessionEntry | undefined {
    return /^[0-9]{1,16}$/.test(id) ? this.entry(Number(id) as AllocationId) : undefined
  }

  /** That of an allocation; undefined when it is not open. */
  entry(allocation: AllocationId): SessionEntry | undefined {
    const opened = this.#open.get(allocation)
    return opened && this.#entry(opened)
  }

  /** Those that are open, one by one; what opens or closes meanwhile is there or not. */
  *entries(): Generator<SessionEntry> {
    for (const opened of this.#open.values()) yield this.#entry(opened)
  }

  /** The same without pseudonyms, which take time to make. */
  opened(): Iterable<OpenedEvent> {
    return this.#open.values()
  }

  /** The session is shown with the address that its client has now. */
  #roamed({ allocation, client, via }: Event & { readonly kind: 'roamed' }): void {
    const opened = this.#open.get(allocation)
    if (!opened) return
    this.#open.set(allocation, { ...opened, client, via })
    this.#entries.delete(allocation)
  }

  #entry(opened: OpenedEvent): SessionEntry {
    const day = Math.floor(this.#now() / DAY)
    if (day !== this.#day) {
      this.#day = day
      this.#entries = new Map()
    }
    const known = this.#entries.get(opened.allocation)
    if (known) return known
    const { user } = opened.owner
    const entry = {
      opened,
      user: user === '' ? '' : this.#pseudonyms.of('user', user),
      client: this.#pseudonyms.of('address', formatIp(opened.client.ip)),
    }
    this.#entries.set(opened.allocation, entry)
    return entry
  }
}
