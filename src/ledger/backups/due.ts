import { type BackupPlan, backupsIn, type MadeBackup, makeBackup, storeOf } from './backup.ts'

export interface BackupJob {
  readonly plan: BackupPlan
  /** Milliseconds from one backup to the next. */
  readonly every: number
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** The backup that was made, if one was due, and when the next one is, in milliseconds since the epoch. */
export interface BackupOutcome {
  readonly made?: MadeBackup
  readonly due: number
}

/** Makes a backup, unless the newest in the store is young enough, which an earlier run or another relay has made. */
export async function backupIfDue({ plan, every, now }: BackupJob): Promise<BackupOutcome> {
  const [newest] = await backupsIn(storeOf(plan.where))
  // One of the future is of a clock that was wrong.
  if (newest && newest.made <= now && newest.made + every > now) return { due: newest.made + every }
  return { made: await makeBackup(plan, now), due: now + every }
}
