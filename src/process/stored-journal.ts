import { formatAddress } from '../base/address.ts'
import { JournalFile } from '../handover/journal-file.ts'
import { type Deaths, NO_DEATHS } from '../handover/survived.ts'
import type { Log } from '../log/log.ts'
import type { Shards } from '../relay/shards.ts'
import { readClock } from '../system/clock.ts'
import { loadAddon } from '../system/native-addon.ts'
import type { Systemd } from './systemd.ts'

const NAME = 'journal-'

/** The name by which the service manager has the journal of a process. */
export function journalName(pid: number): string {
  return `${NAME}${pid}`
}

export function isJournalName(name: string): boolean {
  return name.startsWith(NAME)
}

export interface StoredJournalParts {
  readonly systemd: Pick<Systemd, 'keep' | 'drop' | 'keeps'>
  readonly version: string
  readonly log: Pick<Log, 'warn'>
  /** Processes that have ended without a word before this one. */
  readonly deaths?: Deaths | undefined
}

/**
 * The journal of the calls of this process, of which the service manager has a descriptor while we serve. Whatever ends
 * this process, the next one goes on from it.
 */
export class StoredJournal {
  readonly #file: JournalFile
  readonly #parts: StoredJournalParts
  readonly #began = machineTime()
  #shards: Pick<Shards, 'handOver'> | undefined
  /** The listeners in the description. */
  #described = ''
  #isStored = false

  private constructor(file: JournalFile, parts: StoredJournalParts) {
    this.#file = file
    this.#parts = parts
  }

  /** Undefined where the service manager keeps nothing. */
  static open(parts: StoredJournalParts): StoredJournal | undefined {
    const addon = parts.systemd.keeps ? loadAddon() : undefined
    if (!addon?.ok) return undefined
    const file = JournalFile.create(addon.value)
    if (file.ok) return new StoredJournal(file.value, parts)
    parts.log.warn('calls cannot be kept for a process that follows a crash', { why: file.error })
    return undefined
  }

  /** For the one shard of this process to write to. */
  get journal(): JournalFile['journal'] {
    return this.#file.journal
  }

  /** Has the service manager keep it from now on; call this when the sockets are bound. */
  store(shards: Pick<Shards, 'handOver'>): void {
    if (this.#isStored || !shards.handOver) return
    this.#shards = shards
    if (!this.#describe()) return
    this.#isStored = true
    void this.#parts.systemd.keep({ [journalName(process.pid)]: this.#file.fd }).then(kept => {
      if (!kept.ok)
        this.#parts.log.warn('calls cannot be kept for a process that follows a crash', { why: kept.error })
    })
  }

  /** Once a second: a sign of life, and what has changed. */
  tick(): void {
    if (this.#isStored) this.#describe()
  }

  /** This process is about to end over a fault: all calls stay in it as they are. */
  close(): void {
    if (this.#isStored) this.#file.journal.close()
  }

  /** The calls are kept in another way, or are another's. */
  drop(): void {
    if (!this.#isStored) return
    this.#isStored = false
    this.#file.journal.close()
    this.#parts.systemd.drop([journalName(process.pid)])
  }

  #describe(): boolean {
    const known = this.#shards?.handOver?.known
    if (!known) return false
    this.#file.journal.beat = machineTime()
    const listeners = Array.from(known.listeners, ([id, local]) => ({ id, local: formatAddress(local) }))
    const now = JSON.stringify(listeners)
    if (now === this.#described) return true
    const { time, machine } = readClock()
    const { keys } = known
    const { version, log, deaths = NO_DEATHS } = this.#parts
    const written = this.#file.describe({
      version,
      clock: { time, machine: `${machine}` },
      listeners,
      nonces: Buffer.from(keys.nonces).toString('base64'),
      tickets: Buffer.from(keys.tickets).toString('base64'),
      began: this.#began,
      ...deaths,
      tries: 0,
    })
    this.#described = now
    if (!written.ok)
      log.warn('calls cannot be kept for a process that follows a crash', { why: written.error })
    return written.ok
  }
}

/** Milliseconds of the machine's monotonic clock. */
function machineTime(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
