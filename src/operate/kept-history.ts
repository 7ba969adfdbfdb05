import { constants } from 'node:fs'
import { appendFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { HistoryPoint } from '../control/view.ts'
import type { Log } from '../log/log.ts'
import { writeKept } from '../system/kept-file.ts'
import { readOwn } from '../system/own-file.ts'
import { MOST_HOURS, MOST_MINUTES, type PastPoints } from './history.ts'

/** A point as a line has it: shorter than with names. */
const rowShape = z.tuple([z.number(), z.number(), z.number(), z.number(), z.number(), z.number(), z.number()])
type Row = z.output<typeof rowShape>
/** Through no link, and into no pipe, that somebody has put there. */
const ADDING =
  constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK
/** Lines beyond the limit that are tolerated before the file is written anew, at a start. */
const SLACK = 1000

/**
 * Past figures in the state folder: `history.jsonl` has a line for each hour,
 * `history-day.json` the minutes of the last day, written when the relay stops.
 * Sums of all users; no name and no address is in them.
 */
export class KeptHistory {
  readonly #state: string
  readonly #log: Pick<Log, 'limited'>

  constructor(state: string, log: Pick<Log, 'limited'>) {
    this.#state = state
    this.#log = log
  }

  /** What has been kept; lines that cannot be read are left out. */
  read(): PastPoints {
    const lines = this.#lines()
    const hours = lines.flatMap(parse)
    if (lines.length > MOST_HOURS + SLACK)
      this.#try(() => writeKept(this.#hours, hours.slice(-MOST_HOURS).map(written).join('')))
    return { hours: hours.slice(-MOST_HOURS), minutes: this.#readDay().slice(-MOST_MINUTES) }
  }

  /** Adds an hour. It is a line, and not waited for. */
  addHour(point: HistoryPoint): void {
    void mkdir(this.#state, { recursive: true, mode: 0o700 })
      .then(() => appendFile(this.#hours, written(point), { mode: 0o600, flag: ADDING }))
      .catch(error => this.#complain(error as Error))
  }

  /** Keeps the minutes of the last day; at a stop, since a line a minute would wear out memory cards. */
  keepDay(minutes: readonly HistoryPoint[]): void {
    if (minutes.length === 0) return
    this.#try(() => writeKept(this.#day, `${JSON.stringify(minutes.map(rowOf))}\n`))
  }

  get #hours(): string {
    return join(this.#state, 'history.jsonl')
  }

  get #day(): string {
    return join(this.#state, 'history-day.json')
  }

  #lines(): string[] {
    try {
      const own = readOwn(this.#hours)
      return own.ok ? own.value.split('\n').filter(line => line !== '') : []
    } catch {
      return []
    }
  }

  #readDay(): HistoryPoint[] {
    try {
      const own = readOwn(this.#day)
      return own.ok ? z.array(rowShape).parse(JSON.parse(own.value)).map(pointOf) : []
    } catch {
      return []
    }
  }

  #try(write: () => void): void {
    try {
      write()
    } catch (error) {
      this.#complain(error as Error)
    }
  }

  #complain(error: Error): void {
    this.#log.limited('history', 'warn', 'past figures cannot be kept in the state folder', () => ({
      error: error.message,
    }))
  }
}

function written(point: HistoryPoint): string {
  return `${JSON.stringify(rowOf(point))}\n`
}

function parse(line: string): HistoryPoint[] {
  try {
    return [pointOf(rowShape.parse(JSON.parse(line)))]
  } catch {
    return []
  }
}

function rowOf(point: HistoryPoint): Row {
  const { at, allocations, bytesToPeer, bytesToClient, packets, dropped, rejected } = point
  return [at, allocations, bytesToPeer, bytesToClient, packets, dropped, rejected]
}

function pointOf([
  at,
  allocations,
  bytesToPeer,
  bytesToClient,
  packets,
  dropped,
  rejected,
]: Row): HistoryPoint {
  return { at, allocations, bytesToPeer, bytesToClient, packets, dropped, rejected }
}
