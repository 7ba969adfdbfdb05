import { inSlices } from '../../system/slices.ts'
import type { RelayLook } from '../control.ts'
import type { FeedMessage, HistoryPoint, SessionView, Status } from '../view.ts'

type Delta = Extract<FeedMessage, { type: 'delta' }>

/** What the feed shows of a look. */
export interface ShownRows {
  readonly status: Status
  readonly sessions: ReadonlyMap<string, SessionView>
  readonly more: number
}

export function shown({ status, sessions, more }: RelayLook): ShownRows {
  return { status, sessions: new Map(sessions.map(session => [session.id, session])), more }
}

/** What has changed from one look to the next; compared in slices. */
export async function deltaOf(
  before: ShownRows,
  now: ShownRows,
  seq: number,
  point: HistoryPoint,
): Promise<Delta> {
  const opened: SessionView[] = []
  const changed: Delta['changed'][number][] = []
  await inSlices(now.sessions, ([id, session]) => {
    const known = before.sessions.get(id)
    if (!known) opened.push(session)
    else {
      const difference = differenceOf(known, session)
      if (difference) changed.push({ id, ...difference })
    }
  })
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

/** Whether two values of JSON are the same. There are thousands of them in a second. */
function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  return keys.every(key => isSame((a as Values)[key], (b as Values)[key]))
}

type Values = Readonly<Record<string, unknown>>
