import { formatAddress } from '../base/address.ts'
import type { AllocationId } from '../base/ids.ts'
import { noTraffic, type Traffic } from '../base/route.ts'
import type { SessionsFound, Wanted } from '../control/control.ts'
import type { SessionView } from '../control/view.ts'
import { addTrafficAt, bytesAt, findReading, findRow, type Reading } from '../relay/readings.ts'
import { inSlices, sortInSlices } from '../system/slices.ts'
import { Best, type Scored } from './best.ts'
import { rateOf } from './history.ts'
import type { OpenedEvent, OpenSessions, SessionEntry } from './open-sessions.ts'

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

  /** The busiest of the sessions that are wanted. Waits for a rate to be known, unless in a hurry. */
  async sessions(wanted: Wanted): Promise<SessionsFound> {
    let now = await this.#count()
    let before = this.#before(now)
    if (!before && !wanted.hurry && now.readings.some(({ length }) => length > 0)) {
      await this.#parts.wait(WINDOW)
      const later = await this.#count()
      before = this.#before(later) ?? now
      now = later
    }
    const { sessions } = this.#parts
    const busiest = new Best<OpenedEvent>(wanted.most, isBusier)
    let count = 0
    const judge = (opened: OpenedEvent) => {
      count++
      busiest.add({ score: carriedSince(before, now, opened.allocation), item: opened })
    }
    if (wanted.user === undefined) {
      await inSlices(sessions.opened(), opened => {
        if (isWanted(wanted, opened)) judge(opened)
      })
    } else {
      // Pseudonyms of all, which are made once a day.
      await inSlices(sessions.entries(), ({ user, opened }) => {
        if (user === wanted.user && isWanted(wanted, opened)) judge(opened)
      })
    }
    const sorted = await sortInSlices(busiest.items(), isBusier)
    return { sessions: this.#views(sorted, now, before), more: count - busiest.size }
  }

  *#views(
    chosen: readonly Scored<OpenedEvent>[],
    now: Count,
    before: Count | undefined,
  ): Generator<SessionView> {
    for (const { item } of chosen) {
      // It may have closed meanwhile.
      const entry = this.#parts.sessions.entry(item.allocation)
      if (entry) yield this.#view(entry, now, before)
    }
  }

  /** One session; undefined where it is not open. Its rate is known where somebody has looked of late. */
  async session(id: string): Promise<SessionView | undefined> {
    const now = await this.#count()
    const entry = this.#parts.sessions.find(id)
    return entry && this.#view(entry, now, this.#before(now))
  }

  /** What the allocations of each homeserver have carried since they opened. */
  async carried(): Promise<Map<string, Traffic>> {
    const count = await this.#count()
    const sums = new Map<string, Traffic>()
    await inSlices(this.#parts.sessions.opened(), ({ allocation, owner }) => {
      let sum = sums.get(owner.tenant)
      if (!sum) sums.set(owner.tenant, (sum = noTraffic()))
      this.#addCarried(sum, count, allocation)
    })
    return sums
  }

  /** Says what an open allocation has carried by now. */
  async traffic(): Promise<(allocation: number) => Traffic | undefined> {
    const count = await this.#count()
    return allocation => readingOf(count, allocation as AllocationId)?.traffic
  }

  /** Adds what an allocation has carried; by the last word of a worker that was too busy to answer in time. */
  #addCarried(sum: Traffic, now: Count, allocation: AllocationId): void {
    for (let i = this.#counts.length; i >= 0; i--) {
      const { readings } = this.#counts[i] ?? now
      for (const values of readings) {
        const at = findRow(values, allocation)
        if (at < 0) continue
        addTrafficAt(sum, values, at)
        return
      }
    }
  }

  #view(entry: SessionEntry, now: Count, before: Count | undefined): SessionView {
    return viewOf(entry, now, before, this.#parts.date)
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

/** Octets that an allocation has carried between two counts; 0 where one of them is missing. */
function carriedSince(before: Count | undefined, now: Count, allocation: AllocationId): number {
  if (!before) return 0
  const bytes = bytesOf(now, allocation)
  return bytes === undefined ? 0 : bytes - (bytesOf(before, allocation) ?? 0)
}

function bytesOf({ readings }: Count, allocation: AllocationId): number | undefined {
  for (const values of readings) {
    const at = findRow(values, allocation)
    if (at >= 0) return bytesAt(values, at)
  }
  return undefined
}

function isWanted({ homeserver, transport }: Wanted, { owner, via }: OpenedEvent): boolean {
  return (
    (homeserver === undefined || homeserver === owner.tenant) &&
    (transport === undefined || transport === via)
  )
}

/** The busiest first; of two that are as busy the one that has opened last. */
function isBusier(a: Scored<OpenedEvent>, b: Scored<OpenedEvent>): number {
  return b.score - a.score || b.item.at - a.item.at
}
