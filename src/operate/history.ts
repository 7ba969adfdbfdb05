import type { Traffic } from '../base/route.ts'
import type { History, HistoryPoint, HistoryView, TrafficView } from '../control/view.ts'

/** What has been counted since the start. */
export interface Counted {
  readonly at: number
  readonly allocations: number
  readonly traffic: Readonly<Traffic>
  readonly dropped: number
  readonly rejected: number
}

const RECENT = { step: 1, points: 600 }
export const MOST_MINUTES = 1440
const DAY = { step: 60, points: MOST_MINUTES }
/** Hours that are kept: 400 days. */
export const MOST_HOURS = 9600
const HOURS = { step: 3600, points: MOST_HOURS }
const HOUR = 3_600_000
const A_DAY = 24 * HOUR

/** What was before this process, oldest first. */
export interface PastPoints {
  readonly minutes: readonly HistoryPoint[]
  readonly hours: readonly HistoryPoint[]
}
const NOTHING: TrafficView = {
  toPeer: { packets: 0, bytes: 0 },
  toClient: { packets: 0, bytes: 0 },
}

/**
 * Traffic over time: by the second for ten minutes, by the minute for a day, by
 * the hour for 400 days, and never more than that.
 */
export class PastTraffic {
  #last: Counted
  #lastMinute: Counted
  #ticks = 0
  #rate: TrafficView = NOTHING
  readonly #recent: HistoryPoint[] = []
  #day: HistoryPoint[]
  readonly #hours: HistoryPoint[]
  readonly #hourEnded: (point: HistoryPoint) => void

  /** Goes on from what was before; `hourEnded` is told of each hour. */
  constructor(
    now: Counted,
    before: PastPoints = { minutes: [], hours: [] },
    hourEnded: (point: HistoryPoint) => void = () => {},
  ) {
    this.#last = now
    this.#lastMinute = now
    this.#hours = [...before.hours]
    this.#hourEnded = hourEnded
    // A clock that was set back must not mix times.
    this.#day = before.minutes.filter(({ at }) => at <= now.at)
    this.#endHour(now.at)
    this.#day = this.#day.filter(({ at }) => at > now.at - A_DAY)
  }

  /** Of the last second. */
  get rate(): TrafficView {
    return this.#rate
  }

  /** To be called once a second with what has been counted by then. */
  tick(now: Counted): void {
    push(this.#recent, pointOf(this.#last, now), RECENT.points)
    this.#rate = rateOf(this.#last.traffic, now.traffic, now.at - this.#last.at)
    this.#last = now
    if (++this.#ticks % DAY.step !== 0) return
    this.#endHour(now.at)
    push(this.#day, pointOf(this.#lastMinute, now), DAY.points)
    this.#lastMinute = now
  }

  /** Makes a point of the hour that the last minute was in, where that is over. */
  #endHour(now: number): void {
    const last = this.#day.at(-1)
    if (!last || hourOf(now) <= hourOf(last.at)) return
    const end = hourOf(last.at)
    if ((this.#hours.at(-1)?.at ?? 0) >= end) return
    const point = averageOf(
      this.#day.filter(({ at }) => hourOf(at) === end),
      end,
    )
    push(this.#hours, point, HOURS.points)
    this.#hourEnded(point)
  }

  /** The last second. */
  get point(): HistoryPoint {
    return this.#recent.at(-1) ?? pointOf(this.#last, this.#last)
  }

  view(): HistoryView {
    const history = ({ step }: { step: number }, points: HistoryPoint[]): History => ({
      step,
      points: [...points],
    })
    return { recent: history(RECENT, this.#recent), day: history(DAY, this.#day) }
  }

  hours(): History {
    return { step: HOURS.step, points: [...this.#hours] }
  }
}

/** The end of the hour that a moment is in. */
function hourOf(at: number): number {
  return Math.ceil(at / HOUR) * HOUR
}

/** The minutes of an hour as one point: rates are averaged, of the sessions the most counts. */
function averageOf(minutes: readonly HistoryPoint[], at: number): HistoryPoint {
  const mean = (key: 'bytesToPeer' | 'bytesToClient' | 'packets' | 'dropped' | 'rejected') =>
    Math.round((minutes.reduce((sum, point) => sum + point[key], 0) / minutes.length) * 1000) / 1000
  return {
    at,
    allocations: Math.max(...minutes.map(({ allocations }) => allocations)),
    bytesToPeer: mean('bytesToPeer'),
    bytesToClient: mean('bytesToClient'),
    packets: mean('packets'),
    dropped: mean('dropped'),
    rejected: mean('rejected'),
  }
}

/** What was carried a second between two counts; nothing where no time has passed. */
export function rateOf(before: Traffic, now: Traffic, milliseconds: number): TrafficView {
  const each = (was: number, is: number) => perSecond(is - was, milliseconds)
  const flow = (way: 'toPeer' | 'toClient') => ({
    packets: each(before[way].packets, now[way].packets),
    bytes: each(before[way].bytes, now[way].bytes),
  })
  return { toPeer: flow('toPeer'), toClient: flow('toClient') }
}

function pointOf(before: Counted, now: Counted): HistoryPoint {
  const elapsed = now.at - before.at
  const { toPeer, toClient } = rateOf(before.traffic, now.traffic, elapsed)
  return {
    at: now.at,
    allocations: now.allocations,
    bytesToPeer: toPeer.bytes,
    bytesToClient: toClient.bytes,
    packets: toPeer.packets + toClient.packets,
    dropped: perSecond(now.dropped - before.dropped, elapsed),
    rejected: perSecond(now.rejected - before.rejected, elapsed),
  }
}

/** Clamped at 0 in case the clock was set back. */
function perSecond(count: number, milliseconds: number): number {
  return milliseconds > 0 ? Math.max(0, Math.round((count / milliseconds) * 1_000_000) / 1000) : 0
}

function push(points: HistoryPoint[], point: HistoryPoint, most: number): void {
  points.push(point)
  if (points.length > most) points.shift()
}
