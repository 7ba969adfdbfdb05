import { formatAddress } from '../base/address.ts'
import type { AllocationId } from '../base/ids.ts'
import { addTraffic, noTraffic, type Traffic } from '../base/route.ts'
import type { SessionView } from '../control/view.ts'
import { findReading, type Reading } from '../relay/readings.ts'
import { inSlices, sortInSlices } from '../system/slices.ts'
import { rateOf } from './history.ts'
import type { OpenSessions, SessionEntry } from './open-sessions.ts'

/** Milliseconds that a rate is measured over, about. */
const WINDOW = 900
/** Beyond this a reading says nothing of the present. */
const STALE = 3_000
/** Milliseconds in which several who ask get the same. */
const FRESH = 200

interface Count {
  readonly at: number
  /**
   * Of each shard. They stay rows of numbers: thousands of objects that live
   * for seconds cost the collector milliseconds.
   */
  readonly readings: readonly Float64Array[]
}

export interface SessionReaderParts {
  readonly sessions: OpenSessions
  /** Asks everybody what their allocations have carried. */
  read(): Promise<readonly Float64Array[]>
  /** Milliseconds of a clock that nobody sets. */
  readonly now: () => number
  readonly wait: (milliseconds: number) => Promise<void>
  /** When something was by the calendar, that the relay's own clock has dated. */
  readonly date: (time: number) => number
}

/**
 * Who is here and what they carry, counted when somebody asks. A rate needs
 * two counts, so the last few are kept for a few seconds.
 */
export class SessionReader {
  readonly #parts: SessionReaderParts
  #counts: Count[] = []
  #counting: Promise<Count> | undefined

  constructor(parts: SessionReaderParts) {
    this.#parts = parts
  }

  /** All sessions, the busiest first. Waits for a rate to be known, unless in a hurry. */
  async sessions(hurry: boolean): Promise<SessionView[]> {
    let now = await this.#count()
    let before = this.#before(now)
    if (!before && !hurry && now.readings.some(({ length }) => length > 0)) {
      await this.#parts.wait(WINDOW)
      const later = await this.#count()
      before = this.#before(later) ?? now
      now = later
    }
    const { sessions, date } = this.#parts
    const views: SessionView[] = []
    await inSlices(sessions.entries(), entry => void views.push(viewOf(entry, now, before, date)))
    return sortInSlices(views, (a, b) => busyness(b) - busyness(a) || b.since - a.since)
  }

  /** What the allocations of each homeserver have carried since they opened. */
  async carried(): Promise<Map<string, Traffic>> {
    const count = await this.#count()
    const sums = new Map<string, Traffic>()
    await inSlices(this.#parts.sessions.opened(), ({ allocation, owner }) => {
      const reading = readingOf(count, allocation) ?? this.#latest(allocation)
      if (!reading) return
      const sum = sums.get(owner.tenant) ?? noTraffic()
      addTraffic(sum, reading.traffic)
      sums.set(owner.tenant, sum)
    })
    return sums
  }

  /** The last word of a worker that was too busy to answer in time. */
  #latest(allocation: AllocationId): Reading | undefined {
    for (const count of this.#counts.toReversed()) {
      const reading = readingOf(count, allocation)
      if (reading) return reading
    }
    return undefined
  }

  /** The newest count that is old enough to measure a rate from. */
  #before(now: Count): Count | undefined {
    return this.#counts.findLast(({ at }) => now.at - at >= WINDOW && now.at - at <= STALE)
  }

  #count(): Promise<Count> {
    const last = this.#counts.at(-1)
    if (last && this.#parts.now() - last.at < FRESH) return Promise.resolve(last)
    this.#counting ??= this.#read().finally(() => {
      this.#counting = undefined
    })
    return this.#counting
  }

  async #read(): Promise<Count> {
    const readings = await this.#parts.read()
    const at = this.#parts.now()
    const count = { at, readings }
    this.#counts = [...this.#counts.filter(old => at - old.at <= STALE), count]
    return count
  }
}

const UNREAD: Omit<Reading, 'allocation'> = {
  expires: 0,
  permissions: 0,
  channels: 0,
  traffic: noTraffic(),
  dropped: 0,
}

function viewOf(
  { opened, user, client }: SessionEntry,
  now: Count,
  before: Count | undefined,
  date: (time: number) => number,
): SessionView {
  const { allocation } = opened
  const then = before && readingOf(before, allocation)
  // A worker that was too busy to answer in time is taken at its last word.
  const reading = readingOf(now, allocation) ?? then ?? UNREAD
  const { expires, permissions, channels, traffic, dropped } = reading
  // Where there is no count from before, it has opened since and had carried nothing then.
  const elapsed = before ? now.at - before.at : 0
  return {
    id: String(allocation),
    homeserver: opened.owner.tenant,
    user,
    client,
    transport: opened.via,
    clientFamily: opened.client.family,
    relayed: opened.relayed.map(formatAddress),
    since: date(opened.at),
    expires: date(expires || opened.at),
    permissions,
    channels,
    rate: rateOf(then?.traffic ?? UNREAD.traffic, traffic, elapsed),
    traffic,
    dropped,
  }
}

function readingOf({ readings }: Count, allocation: AllocationId): Reading | undefined {
  for (const values of readings) {
    const reading = findReading(values, allocation)
    if (reading) return reading
  }
  return undefined
}

function busyness({ rate }: SessionView): number {
  return rate.toPeer.bytes + rate.toClient.bytes
}
