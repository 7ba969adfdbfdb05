import type { RelayLook } from './control.ts'
import type { FeedMessage, HistoryPoint, SessionView, Status } from './view.ts'

type Delta = Extract<FeedMessage, { type: 'delta' }>

/** Sessions that the feed shows at most. */
const MOST_SESSIONS = 500

/** What the feed shows of a look. */
export interface ShownRows {
  readonly status: Status
  readonly sessions: ReadonlyMap<string, SessionView>
  readonly more: number
}

export function shown({ status, sessions }: RelayLook): ShownRows {
  const list = sessions.slice(0, MOST_SESSIONS)
  return {
    status,
    sessions: new Map(list.map(session => [session.id, session])),
    more: sessions.length - list.length,
  }
}

/** What has changed from one look to the next. */
export function deltaOf(before: ShownRows, now: ShownRows, seq: number, point: HistoryPoint): Delta {
  const opened: SessionView[] = []
  const changed: Delta['changed'][number][] = []
  for (const [id, session] of now.sessions) {
    const known = before.sessions.get(id)
    if (!known) opened.push(session)
    else {
      const difference = differenceOf(known, session)
      if (difference) changed.push({ id, ...difference })
    }
  }
  const closed = [...before.sessions.keys()].filter(id => !now.sessions.has(id))
  const status = differenceOf(before.status, now.status) ?? {}
  return { type: 'delta', seq, status, opened, changed, closed, more: now.more, point }
}

/** The top-level keys that differ, with their new values; undefined where none does. */
function differenceOf<T extends object>(before: T, now: T): Partial<T> | undefined {
  const difference: Partial<T> = {}
  let isDifferent = false
  for (const key of Object.keys(now) as (keyof T)[]) {
    if (isSame(before[key], now[key])) continue
    difference[key] = now[key]
    isDifferent = true
  }
  return isDifferent ? difference : undefined
}

function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object') return false
  return JSON.stringify(a) === JSON.stringify(b)
}
