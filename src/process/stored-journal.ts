import { formatAddress } from '../base/address.ts'
import type { SocketId } from '../base/ids.ts'
import { JournalFile } from '../handover/journal-file.ts'
import { type Deaths, NO_DEATHS } from '../handover/survived.ts'
import type { Log } from '../log/log.ts'
import type { Door } from '../relay/guests/guest-message.ts'
import type { KnownBeside } from '../relay/hand-over/given-shard.ts'
import type { Shards } from '../relay/shards.ts'
import { readClock } from '../system/clock.ts'
import { loadAddon, type NativeAddon } from '../system/native-addon.ts'
import type { Systemd } from './systemd.ts'

const NAME = 'journal-'
/** Descriptors of a stop, for which there has to be room beside the journals. */
const OF_A_STOP = 3
/** Milliseconds until it is asked again where the workers listen, while they have not all said so. */
const ASK_AGAIN = 20
const NOT_KEPT = 'calls cannot be kept for a process that follows a crash'

/** The names by which the service manager has the journals of the shards of a process. The first one describes all. */
export function journalNames(pid: number, shards: number): readonly [string, ...string[]] {
  const first = `${NAME}${pid}`
  return [first, ...Array.from({ length: shards - 1 }, (_, i) => `${first}-${i + 1}`)]
}

export function isJournalName(name: string): boolean {
  return name.startsWith(NAME)
}

/** Of all these names, those of the journals of each process whose first one is there. */
export function namesOfJournals(names: readonly string[]): string[][] {
  const all = new Set(names)
  const firsts = names.filter(name => isJournalName(name) && /^\d+$/.test(name.slice(NAME.length)))
  return firsts.map(first => {
    const found = [first]
    for (let next = `${first}-1`; all.has(next); next = `${first}-${found.length}`) found.push(next)
    return found
  })
}

export interface StoredJournalParts {
  readonly systemd: Pick<Systemd, 'keep' | 'drop' | 'room'>
  readonly version: string
  readonly log: Pick<Log, 'warn'>
  /** Processes that have ended without a word before this one. */
  readonly deaths?: Deaths | undefined
}

/**
 * The journals of the calls of this process, one of each shard, of which the service manager has descriptors while we
 * serve. Whatever ends this process, the next one goes on from them.
 */
export class StoredJournal {
  readonly #addon: NativeAddon
  readonly #parts: StoredJournalParts
  readonly #began = machineTime()
  #files: readonly JournalFile[] = []
  #shards: Pick<Shards, 'handOver'> | undefined
  /** Where shards are reached, as in the description. */
  #described = ''
  #isStored = false

  private constructor(addon: NativeAddon, parts: StoredJournalParts) {
    this.#addon = addon
    this.#parts = parts
  }

  /** Undefined where the service manager keeps nothing. */
  static prepare(parts: StoredJournalParts): StoredJournal | undefined {
    const addon = parts.systemd.room > 0 ? loadAddon() : undefined
    return addon?.ok ? new StoredJournal(addon.value, parts) : undefined
  }

  /** Makes a journal for each shard to write to; none where that cannot be. */
  open(shards: number): readonly JournalFile[] {
    const { systemd } = this.#parts
    // Those of the next process are kept before ours are let go of.
    const needed = 2 * shards + OF_A_STOP
    if (systemd.room < needed)
      return this.#warn(`FileDescriptorStoreMax= is ${systemd.room}, and has to be ${needed} or more`)
    const files: JournalFile[] = []
    for (let i = 0; i < shards; i++) {
      const file = JournalFile.create(this.#addon)
      if (!file.ok) {
        for (const { fd } of files) this.#addon.release(fd)
        return this.#warn(file.error)
      }
      files.push(file.value)
    }
    this.#files = files
    return files
  }

  /** Has the service manager keep them from now on; call this when the sockets are bound. */
  store(shards: Pick<Shards, 'handOver'>): void {
    if (this.#shards || this.#files.length === 0 || !shards.handOver) return
    this.#shards = shards
    this.#store()
  }

  #store(): void {
    const known = this.#shards?.handOver?.known
    if (!known) {
      if (this.#shards) setTimeout(() => this.#store(), ASK_AGAIN).unref()
      return
    }
    if (!this.#describe(known)) return
    this.#isStored = true
    const fds = this.#names.map((name, i) => [name, this.#files[i]!.fd] as const)
    // The first one last: once that is there, all are.
    void this.#parts.systemd.keep(Object.fromEntries(fds.reverse())).then(kept => {
      if (!kept.ok) this.#warn(kept.error)
    })
  }

  /** Once a second: a sign of life, and what has changed. */
  tick(): void {
    const known = this.#isStored ? this.#shards?.handOver?.known : undefined
    if (this.#isStored) this.#files[0]!.journal.beat = machineTime()
    if (known) this.#describe(known)
  }

  /** This process is about to end over a fault: all calls stay in them as they are. */
  close(): void {
    if (this.#isStored) for (const { journal } of this.#files) journal.close()
  }

  /** The calls are kept in another way, or are another's. */
  drop(): void {
    this.#shards = undefined
    if (!this.#isStored) return
    this.#isStored = false
    this.#parts.systemd.drop(this.#names)
  }

  get #names(): readonly string[] {
    return journalNames(process.pid, this.#files.length)
  }

  #describe({ keys, shards }: KnownBeside): boolean {
    const file = this.#files[0]!
    file.journal.beat = machineTime()
    const reached = shards.map(({ listeners, doors }) => ({
      listeners: Array.from(listeners, ([id, local]) => ({ id, local: formatAddress(local) })),
      doors: doors.map(([id, door]): [SocketId, Door] => [id, door]),
    }))
    const now = JSON.stringify(reached)
    if (now === this.#described) return true
    const { time, machine } = readClock()
    const { version, deaths = NO_DEATHS } = this.#parts
    const written = file.describe({
      version,
      clock: { time, machine: `${machine}` },
      shards: reached,
      nonces: Buffer.from(keys.nonces).toString('base64'),
      tickets: Buffer.from(keys.tickets).toString('base64'),
      began: this.#began,
      deaths: deaths.deaths,
      suspects: [...deaths.suspects],
      tries: 0,
    })
    this.#described = now
    if (!written.ok) this.#warn(written.error)
    return written.ok
  }

  #warn(why: string): readonly [] {
    this.#parts.log.warn(NOT_KEPT, { why })
    return []
  }
}

/** Milliseconds of the machine's monotonic clock. */
function machineTime(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
