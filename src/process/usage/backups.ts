import type { KeyObject } from 'node:crypto'
import type { Settings } from '../../config/settings.ts'
import { freshKeys, readIdentities, readRecipient } from '../../ledger/backups/age-keys.ts'
import {
  type BackupPlan,
  type BackupProgress,
  backupsIn,
  type MadeBackup,
  makeBackup,
  type StoredBackup,
  storeOf,
} from '../../ledger/backups/backup.ts'
import { FolderStore } from '../../ledger/backups/folder-store.ts'
import { type Restored, restoreBackup } from '../../ledger/backups/restore.ts'
import { BackupSchedule, type ScheduledBackups } from '../../ledger/backups/schedule.ts'
import { ledgerFiles, type UsageLedger } from '../../ledger/ledger.ts'
import type { Log } from '../../log/log.ts'
import { wallTime } from '../../system/clock.ts'

/** Where the ledger is; undefined where there is none. */
function databaseOf({ ledger, state }: Settings): string | undefined {
  if (!ledger) return undefined
  return ledger.postgresql ?? ledgerFiles(state).database
}

/** Backups as the settings want them, if they do. */
function plannedIn(settings: Settings): ScheduledBackups | undefined {
  const database = databaseOf(settings)
  const backups = settings.ledger ? settings.ledger.backups : undefined
  if (database === undefined || !backups) return undefined
  const { folder, s3, recipient, every, keep } = backups
  const read = recipient === undefined ? undefined : readRecipient(recipient)
  // The configuration was checked; nothing may go out in clear should that have missed something.
  if (read && !read.ok) return undefined
  const where = s3 ? { s3: { ...s3, secretAccessKey: s3.secretAccessKey ?? '' } } : { folder: folder ?? '' }
  const plan: BackupPlan = { database, where, keep, ...(read && { recipient: read.value }) }
  return { plan, every: every * 1000 }
}

/** Backups that the relay makes by itself; what it makes them of is in `ledger`. */
export function backupScheduleOf(settings: Settings, ledger: UsageLedger | undefined, log: Log) {
  const schedule = new BackupSchedule({
    log,
    wall: wallTime,
    deliver: async () => {
      await ledger?.flush()
      await ledger?.deliver()
    },
  })
  const configure = (next: Settings) => schedule.configure(ledger && plannedIn(next))
  configure(settings)
  return { configure, tick: () => schedule.tick() }
}

/** The backups that a command works with. */
export class BackupDesk {
  readonly #plan: BackupPlan | undefined
  readonly #database: string

  private constructor(database: string, plan: BackupPlan | undefined) {
    this.#database = database
    this.#plan = plan
  }

  /** Undefined where there is no ledger. */
  static of(settings: Settings): BackupDesk | undefined {
    const database = databaseOf(settings)
    return database === undefined ? undefined : new BackupDesk(database, plannedIn(settings)?.plan)
  }

  /** Where backups are; undefined where the settings name no place. */
  get where(): string | undefined {
    return this.#plan && storeOf(this.#plan.where).name
  }

  make(told: BackupProgress): Promise<MadeBackup> {
    return makeBackup(this.#plan!, wallTime(), told)
  }

  list(): Promise<StoredBackup[]> {
    return backupsIn(storeOf(this.#plan!.where))
  }

  /** `folder`: where the file is, if not in the store. */
  restore(
    {
      name,
      folder,
      identities,
      replace,
    }: {
      readonly name: string
      readonly folder: string | undefined
      readonly identities: readonly KeyObject[] | undefined
      readonly replace: boolean
    },
    told: BackupProgress,
  ): Promise<Restored> {
    const store = folder === undefined ? storeOf(this.#plan!.where) : new FolderStore(folder)
    return restoreBackup({ database: this.#database, octets: store.get(name), identities, replace }, told)
  }
}

export { freshKeys as freshBackupKeys, readIdentities as readBackupKeys }
