import type { Traffic } from '../base/route.ts'
import type { Settings } from '../config/settings.ts'
import { UsageLedger } from '../ledger/ledger.ts'
import type { Log } from '../log/log.ts'
import { monotonicClock, wallTime } from '../system/clock.ts'

/** Says what live allocations have carried by now. */
export type ReadTraffic = () => Promise<(allocation: number) => Traffic | undefined>

/** The ledger as the settings want it, if they do. It touches no file before there is something to keep. */
export function ledgerOf({ ledger, state }: Settings, log: Log, read: ReadTraffic): UsageLedger | undefined {
  if (!ledger) return undefined
  const { postgresql = 'sqlite', identities, keep } = ledger
  const plan = { state, database: postgresql, identities, keep }
  return new UsageLedger(plan, { log, read, clock: monotonicClock, wall: wallTime })
}
