import type { Settings } from '../config/settings.ts'
import { Journal } from '../log/journal.ts'
import type { Log } from '../log/log.ts'
import { Privacy } from '../log/privacy.ts'
import { Pseudonyms } from '../log/pseudonyms.ts'
import { Tally } from '../metrics/tally.ts'
import type { RelayControl } from '../operate/relay-control.ts'
import type { Shards } from '../relay/shards.ts'
import { backupScheduleOf } from './usage/backups.ts'
import { budgetsOf } from './usage/budgeting.ts'
import { ledgerOf } from './usage/ledger.ts'
import { ownLimitsOf } from './usage/usage-pages.ts'

/** What the books need of those that are made after them. */
interface BooksLater {
  readonly operator: RelayControl
  readonly shards: Shards
}

/** What is written and counted of what the relay tells. */
export type Books = ReturnType<typeof openBooks>

/** Opens the books; nothing is written yet. */
export function openBooks(settings: Settings, log: Log, later: () => BooksLater) {
  const pseudonyms = new Pseudonyms()
  const privacy = new Privacy(settings.log.privacy, pseudonyms)
  const journal = new Journal(log, privacy, settings.log.offenders)
  const tally = new Tally()
  const ledger = ledgerOf(settings, log, {
    read: () => later().operator.traffic(),
    grew: (owner, octets) => budgets?.grew(owner, octets),
  })
  const own = ledger && ownLimitsOf(settings, user => ledger.identitiesOf(user), log)
  const shards = () => later().shards
  const budgets = ledger && budgetsOf(settings, { ledger, shards, log, privacy, own })
  const backups = backupScheduleOf(settings, ledger, log)
  const configure = (next: Settings) => {
    log.configure(next.log.level)
    privacy.configure(next.log.privacy)
    journal.configure(next.log.offenders)
    tally.configure(namesOf(next))
    budgets?.configure(next.budgets)
    backups.configure(next)
  }
  const count = (...[event]: Parameters<Tally['count']>) => {
    tally.count(event)
    ledger?.hear(event)
    budgets?.hear(event)
  }
  const countFewer = (...[why, count]: Parameters<Tally['countRejected']>) => {
    tally.countRejected(why, count)
    ledger?.countRefused(why, count)
    journal.writeFewer(why, count)
  }
  tally.configure(namesOf(settings))
  return { pseudonyms, privacy, journal, tally, ledger, budgets, own, backups, configure, count, countFewer }
}

function namesOf(settings: Settings): string[] {
  return settings.homeservers.map(homeserver => homeserver.name)
}
