import type { Settings } from '../../config/settings.ts'
import { type LedgerParts, UsageLedger } from '../../ledger/ledger.ts'
import type { Log } from '../../log/log.ts'
import { monotonicClock, wallTime } from '../../system/clock.ts'

/** The ledger as the settings want it, if they do. It touches no file before there is something to keep. */
export function ledgerOf(
  { ledger, state }: Settings,
  log: Log,
  parts: Pick<LedgerParts, 'read' | 'grew'>,
): UsageLedger | undefined {
  if (!ledger) return undefined
  const { postgresql = 'sqlite', identities, keep } = ledger
  const plan = { state, database: postgresql, identities, keep }
  return new UsageLedger(plan, { log, ...parts, clock: monotonicClock, wall: wallTime })
}
