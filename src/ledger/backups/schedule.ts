import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Log } from '../../log/log.ts'
import type { BackupPlan } from './backup.ts'
import type { BackupJob, BackupOutcome } from './due.ts'

/** The sources are TypeScript, what is shipped is not. */
const WORKER = new URL(`./worker${extname(import.meta.url)}`, import.meta.url)
/** Megabytes of a thread: a page of rows, a part of a file. */
const [YOUNG_GENERATION, OLD_GENERATION] = [8, 128]
/** Milliseconds after the start, or a change of the settings. */
const FIRST = 60_000
/** Milliseconds until it is tried again, the first time and at most. */
const [AGAIN, LONGEST] = [5 * 60_000, 6 * 3_600_000]

export interface ScheduledBackups {
  readonly plan: BackupPlan
  /** Milliseconds. */
  readonly every: number
}

export interface BackupScheduleParts {
  readonly log: Pick<Log, 'info' | 'warn'>
  /** Milliseconds by the calendar. */
  readonly wall: () => number
  /** Brings what waits into the database. Never rejects. */
  readonly deliver: () => Promise<void>
  /** Does it elsewhere than in a thread. */
  readonly run?: (job: BackupJob) => Promise<BackupOutcome>
}

/** Has a backup of the ledger made whenever one is due, and again a while later where that went wrong. */
export class BackupSchedule {
  readonly #parts: BackupScheduleParts
  #scheduled: ScheduledBackups | undefined
  #due = Number.POSITIVE_INFINITY
  #failures = 0
  #running: Promise<void> | undefined

  constructor(parts: BackupScheduleParts) {
    this.#parts = parts
  }

  configure(scheduled: ScheduledBackups | undefined): void {
    if (JSON.stringify(scheduled) === JSON.stringify(this.#scheduled)) return
    this.#scheduled = scheduled
    this.#failures = 0
    this.#due = scheduled ? this.#parts.wall() + FIRST : Number.POSITIVE_INFINITY
  }

  /** Once a second. */
  tick(): void {
    const now = this.#parts.wall()
    if (!this.#scheduled || this.#running || now < this.#due) return
    this.#running = this.#run(this.#scheduled, now).finally(() => {
      this.#running = undefined
    })
  }

  /** Resolves when none is being made. */
  async idle(): Promise<void> {
    await this.#running
  }

  async #run(scheduled: ScheduledBackups, now: number): Promise<void> {
    const { log, deliver, run = inThread } = this.#parts
    const where = 's3' in scheduled.plan.where ? scheduled.plan.where.s3.bucket : scheduled.plan.where.folder
    try {
      await deliver()
      const { made, due } = await run({ ...scheduled, now })
      this.#plan(scheduled, due, 0)
      if (made) {
        const { name, rows, octets, removed } = made
        log.info('the ledger was backed up', { where, name, rows, bytes: octets, removed: removed.length })
      }
    } catch (error) {
      const again = Math.min(AGAIN * 2 ** this.#failures, LONGEST)
      this.#plan(scheduled, now + again, this.#failures + 1)
      log.warn('the ledger could not be backed up; this is tried again', {
        where,
        why: (error as Error).message,
        minutes: again / 60_000,
      })
    }
  }

  /** Unless the settings have changed meanwhile. */
  #plan(scheduled: ScheduledBackups, due: number, failures: number): void {
    if (this.#scheduled !== scheduled) return
    this.#due = due
    this.#failures = failures
  }
}

function inThread(job: BackupJob): Promise<BackupOutcome> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(WORKER, {
      workerData: job,
      name: 'backup',
      resourceLimits: {
        maxYoungGenerationSizeMb: YOUNG_GENERATION,
        maxOldGenerationSizeMb: OLD_GENERATION,
      },
    })
    // A relay that ends does not wait for it; what is half there is not kept.
    worker.unref()
    worker.once('message', (outcome: BackupOutcome | { readonly failed: string }) => {
      if ('failed' in outcome) reject(new Error(outcome.failed))
      else resolve(outcome)
    })
    worker.once('error', reject)
    worker.once('exit', () => reject(new Error('the thread of the backup has ended')))
  })
}
