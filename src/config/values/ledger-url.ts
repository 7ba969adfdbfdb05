import { succeeded } from '../../base/result.ts'
import { notAccepted, type Parsed } from '../fault.ts'

/** Reads the URL of a PostgreSQL database. It may hold a password, so no fault repeats it. */
export function parseLedgerUrl(text: string): Parsed<string> {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isPostgresql = url?.protocol === 'postgresql:' || url?.protocol === 'postgres:'
  return isPostgresql && url.pathname.length > 1 ? succeeded(text) : notAccepted('ledger-url')
}
