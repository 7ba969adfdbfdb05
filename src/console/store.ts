import type { FeedMessage, History, HistoryPoint, SessionView, Status } from '../control/view.ts'

/** Seconds that "in the last minute" looks back. */
const LOOK_BACK = 60_000

type Reasons = Readonly<Record<string, number>>
interface Totals {
  readonly at: number
  readonly rejected: Reasons
  readonly dropped: Reasons
  readonly closed: Reasons
}

/** What a message did: `gap` means that messages are missing and everything must be asked for again. */
export type Applied = 'done' | 'old' | 'gap'

/** The relay as the feed has told it. Messages go in, the views read what is there. */
export class Store {
  status: Status | undefined
  rights: 'read' | 'act' = 'read'
  sessions = new Map<string, SessionView>()
  /** Sessions that are not in the list. */
  more = 0
  recent: History = { step: 1, points: [] }
  day: History = { step: 60, points: [] }
  #epoch: string | undefined
  #seq = 0
  #totals: Totals[] = []
  /** Points that have not filled a step of the day yet. */
  #filling: HistoryPoint[] = []

  /** Where to go on after the connection broke. */
  get position(): { readonly epoch: string; readonly seq: number } | undefined {
    return this.#epoch === undefined ? undefined : { epoch: this.#epoch, seq: this.#seq }
  }

  /** Forgets the position, so that the next connection begins with a snapshot. */
  forgetPosition(): void {
    this.#epoch = undefined
  }

  apply(message: Exclude<FeedMessage, { type: 'refused' }>): Applied {
    if (message.type === 'snapshot') {
      if (message.epoch !== this.#epoch) this.#totals = []
      this.#epoch = message.epoch
      this.#seq = message.seq
      this.status = message.status
      this.rights = message.rights
      this.sessions = new Map(message.sessions.map(session => [session.id, session]))
      this.more = message.more
      this.recent = message.history.recent
      this.day = message.history.day
      this.#filling = []
      this.#keepTotals()
      return 'done'
    }
    if (this.#epoch === undefined || !this.status) return 'gap'
    if (message.seq <= this.#seq) return 'old'
    if (message.seq !== this.#seq + 1) return 'gap'
    this.#seq = message.seq
    this.status = { ...this.status, ...message.status }
    for (const id of message.closed) this.sessions.delete(id)
    for (const session of message.opened) this.sessions.set(session.id, session)
    for (const change of message.changed) {
      const session = this.sessions.get(change.id)
      if (session) this.sessions.set(change.id, { ...session, ...change })
    }
    this.more = message.more
    this.#addPoint(message.point)
    this.#keepTotals()
    return 'done'
  }

  /** How often each reason came up in the last minute, or since the first message when that was later. */
  lastMinute(table: 'rejected' | 'dropped' | 'closed', word: string): number {
    return (this.status?.[table][word] ?? 0) - (this.#totals[0]?.[table][word] ?? 0)
  }

  #keepTotals(): void {
    if (!this.status) return
    const { at, rejected, dropped, closed } = this.status
    this.#totals.push({ at, rejected, dropped, closed })
    while (this.#totals.length > 1 && this.#totals[0]!.at < at - LOOK_BACK) this.#totals.shift()
  }

  #addPoint(point: HistoryPoint): void {
    const most = Math.round(600 / this.recent.step)
    this.recent = { step: this.recent.step, points: [...this.recent.points, point].slice(-most) }
    this.#filling.push(point)
    const { step, points } = this.day
    const last = points.at(-1)
    if (point.at < (last?.at ?? this.#filling[0]!.at) + step * 1000) return
    this.day = { step, points: [...points, average(this.#filling)].slice(-Math.round(86_400 / step)) }
    this.#filling = []
  }
}

/** One point for many. All but the sessions are a second, so they are averaged. */
function average(points: readonly HistoryPoint[]): HistoryPoint {
  const sum = (key: Exclude<keyof HistoryPoint, 'at' | 'allocations'>) =>
    points.reduce((total, point) => total + point[key], 0)
  return {
    at: points.at(-1)!.at,
    allocations: points.at(-1)!.allocations,
    bytesToPeer: sum('bytesToPeer') / points.length,
    bytesToClient: sum('bytesToClient') / points.length,
    packets: sum('packets') / points.length,
    dropped: sum('dropped') / points.length,
    rejected: sum('rejected') / points.length,
  }
}
