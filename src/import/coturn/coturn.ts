import { nearest } from '../../config/values/nearest.ts'
import type { Draft, ImportSurroundings } from '../draft.ts'
import type { ImportedEntry, ImportedLine } from '../line.ts'
import { readLog, readMetrics, readProtocol } from './coturn-answers.ts'
import { isOn, readCoturnLines } from './coturn-file.ts'
import { readLimits } from './coturn-limits.ts'
import { readListeners, readRelay, readTls } from './coturn-network.ts'
import { COTURN_FLAGS, COTURN_OPTIONS } from './coturn-options.ts'
import { readPeers } from './coturn-peers.ts'
import { CoturnReading } from './coturn-reading.ts'
import { readIssuers, readRealm } from './coturn-users.ts'

/** What is made of another server's configuration, and what became of each of its settings. */
export interface Imported {
  readonly draft: Draft
  readonly entries: readonly ImportedEntry[]
}

/** Reads a turnserver.conf of coturn. Takes any text; every line of it is in the entries once. */
export function importCoturn(text: string, around: ImportSurroundings): Imported {
  return importCoturnLines(readCoturnLines(text), around)
}

/** The same for options that stood elsewhere, such as on a command line. */
export function importCoturnLines(lines: readonly ImportedLine[], around: ImportSurroundings): Imported {
  const reading = new CoturnReading(lines, around)
  settleFixed(reading)
  readRealm(reading)
  readTls(reading)
  readListeners(reading)
  readRelay(reading)
  readIssuers(reading)
  readPeers(reading)
  readLimits(reading)
  readProtocol(reading)
  readMetrics(reading)
  readLog(reading)
  return { draft: reading.draft, entries: reading.ledger.entries() }
}

/** Unknown options of one file for which a similar one is looked for, which takes its time. */
const MOST_GUESSES = 200

/** Settles what is unknown, switched off, or has one fate whatever its value. */
function settleFixed({ lines, ledger, draft }: CoturnReading): void {
  let guesses = MOST_GUESSES
  for (const line of lines) {
    if (line.key === '-c') {
      ledger.unsupported(line, 'config-file')
      draft.todo.push({ key: 'todo-config-file', values: { file: line.value } })
      continue
    }
    const option = Object.hasOwn(COTURN_OPTIONS, line.key) ? COTURN_OPTIONS[line.key] : undefined
    if (option === undefined)
      ledger.unknown(line, guesses-- > 0 ? nearest(line.key, Object.keys(COTURN_OPTIONS)) : undefined)
    else if (COTURN_FLAGS.has(line.key) && !isOn(line.value)) ledger.unneeded(line, 'switched-off')
    else if (option !== 'read') {
      const [fate, note] = option
      ledger[fate](line, note)
    }
  }
}
