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
const DAY = { step: 60, points: 1440 }
const NOTHING: TrafficView = {
  toPeer: { packets: 0, bytes: 0 },
  toClient: { packets: 0, bytes: 0 },
}

/** Traffic over time: by the second for ten minutes, by the minute for a day, and never more than that. */
export class PastTraffic {
  #last: Counted
  #lastMinute: Counted
  #ticks = 0
  #rate: TrafficView = NOTHING
  readonly #recent: HistoryPoint[] = []
  readonly #day: HistoryPoint[] = []

  constructor(now: Counted) {
    this.#last = now
    this.#lastMinute = now
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
    push(this.#day, pointOf(this.#lastMinute, now), DAY.points)
    this.#lastMinute = now
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
