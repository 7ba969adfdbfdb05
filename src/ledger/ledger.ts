import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Result } from '../base/result.ts'
import type { Traffic } from '../base/route.ts'
import type { Clock } from '../base/time.ts'
import type { Event, Owner, RejectReason } from '../core/event.ts'
import type { Log } from '../log/log.ts'
import { inSlices } from '../system/slices.ts'
import { Identities } from './identities.ts'
import { type LedgerDesk, LedgerThread } from './ledger-thread.ts'
import type { LedgerAnswers } from './protocol.ts'
import { Spool } from './spool.ts'
import type { UsageAsked, UsageSums } from './store/ledger-store.ts'
import type { ReportAsked } from './store/report-sums.ts'
import type { TogetherAsked, UsedTogether } from './store/together.ts'
import type { UsageRow } from './usage.ts'
import { UsageMeter } from './usage-meter.ts'

/** Milliseconds from one batch to the next: what a crash may lose. */
const BATCH_EVERY = 60_000
/** Batches from one delivery to the database to the next. */
const DELIVER_EVERY = 5
/** Octets that wait on disk for a database that is away; beyond them, rows wait in memory. */
const MOST_SPOOLED = 256 << 20
/** Rows of one batch at most: the thread of the database has all of a batch in its memory. */
const BATCH_ROWS = 10_000

export interface LedgerPlan {
  readonly state: string
  /** `sqlite` or `postgresql://…`. */
  readonly database: string
  readonly identities: 'pseudonym' | 'full' | 'none'
  readonly keep: { readonly hours: number; readonly days: number; readonly months: number }
}

export interface LedgerParts {
  readonly log: Pick<Log, 'info' | 'limited'>
  /** What live allocations have carried by now. */
  readonly read: () => Promise<(allocation: number) => Traffic | undefined>
  readonly clock: Clock
  /** Milliseconds by the machine's calendar. */
  readonly wall: () => number
  /** Does the work of the database elsewhere than in a thread. */
  readonly desk?: LedgerDesk
  /** Is told of octets of payload that an owner has used, as they are counted. */
  readonly grew?: (owner: Owner, octets: number) => void
  readonly mostSpooled?: number
}

/** Where the ledger lies. The key is apart from it. */
export function ledgerFiles(state: string) {
  const folder = join(state, 'ledger')
  return {
    database: join(folder, 'ledger.sqlite'),
    spool: join(folder, 'spool'),
    keys: join(state, 'ledger-keys.json'),
  }
}

/**
 * Who used how much, by the hour. Each minute the use since the last one goes
 * to the spool as a batch, and every few minutes a thread carries the batches to the database.
 */
export class UsageLedger {
  readonly #parts: LedgerParts
  readonly #meter: UsageMeter
  readonly #identities: Identities
  readonly #spool: Spool
  readonly #desk: LedgerDesk
  readonly #writer = randomBytes(8).toString('hex')
  #sequence = 0
  #spooled = 0
  #minute: number
  #batches = 0
  #isAway = false
  #isInMemory = false
  #isClosing = false
  /** Batches are written one after the other. */
  #writing: Promise<void> = Promise.resolve()
  #delivering: Promise<void> | undefined
  #ticking: Promise<void> = Promise.resolve()

  constructor({ state, database, identities, keep }: LedgerPlan, parts: LedgerParts) {
    const files = ledgerFiles(state)
    this.#parts = parts
    this.#identities = new Identities(files.keys, identities, why =>
      this.#complain('ledger-keys', 'the ledger names nobody, since its key cannot be read', why),
    )
    this.#meter = new UsageMeter({
      identify: user => this.#identities.of(user),
      wall: parts.wall,
      ...(parts.grew && { grew: parts.grew }),
    })
    this.#spool = new Spool(files.spool)
    const path = database === 'sqlite' ? files.database : database
    this.#desk = parts.desk ?? new LedgerThread({ spool: files.spool, database: path, keep })
    this.#minute = this.#minuteNow()
  }

  hear(event: Event): void {
    this.#meter.hear(event)
  }

  /** An allocation that another process has handed over; what it has carried was counted there. */
  adopt(event: Extract<Event, { kind: 'opened' }>): void {
    this.#meter.adopt(event)
  }

  /** Requests that were refused, of which no more is known than the reason. */
  countRefused(why: RejectReason, count: number): void {
    this.#meter.countRefused(why, count)
  }

  /** Finds what another process has left: on disk, and in calls that were handed over. */
  async start(): Promise<void> {
    await this.count()
    this.#spooled = await this.#spool.size()
    if (this.#spooled > 0) await this.deliver()
  }

  /** Once a second. Batches end with the minutes of the calendar, so that none is of two hours. */
  tick(): void {
    const minute = this.#minuteNow()
    if (minute === this.#minute) return
    this.#minute = minute
    this.#ticking = this.#tick()
  }

  /** Resolves when what the last tick has begun is done. */
  async idle(): Promise<void> {
    await this.#ticking
    await this.#delivering
  }

  /** Counts what live allocations have carried by now. */
  async count(): Promise<void> {
    const { read, clock } = this.#parts
    const allocations = this.#meter.allocations()
    const carried = await read().catch(() => () => undefined)
    const now = clock.now()
    await inSlices(allocations, allocation => this.#meter.count(allocation, carried(allocation), now))
  }

  /** Counts what is open and writes a batch. */
  flush(): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      await this.count()
      await this.#write()
    })
    return this.#writing
  }

  /** Brings to the database what waits. Never rejects; what cannot be brought waits on. */
  deliver(): Promise<void> {
    return this.#tell(this.#desk.do({ kind: 'deliver' })).then(
      () => {},
      () => {},
    )
  }

  /**
   * Answers to several questions, all as of one moment, in which `asking` is called: what is counted from then on is in
   * none of them. Nothing is written meanwhile.
   */
  sumsNow(asked: readonly UsageAsked[], asking: () => void): Promise<readonly UsageSums[]> {
    const answers = this.#writing.then(async () => {
      await this.count()
      await this.#write(asking)
      if (this.#isClosing) throw new Error('the ledger is closing')
      return Promise.all(asked.map(one => this.#desk.do({ kind: 'usage', asked: one })))
    })
    this.#writing = answers.then(
      () => {},
      () => {},
    )
    return answers
  }

  /** Sums of what was used, up to now. Rejects where the database does not answer, as the next four do. */
  async usage(asked: UsageAsked): Promise<UsageSums> {
    await this.flush()
    return this.#desk.do({ kind: 'usage', asked })
  }

  /** Sums of what was used up to the last batch, a minute ago at most. */
  soFar(asked: UsageAsked): Promise<UsageSums> {
    return this.#desk.do({ kind: 'usage', asked })
  }

  /** What a report of some days is made of, up to now. */
  async report(asked: ReportAsked): Promise<UsageSums> {
    await this.flush()
    return this.#desk.do({ kind: 'report', asked })
  }

  /** What everybody has used together by some day, as far as everybody may be told. */
  together(asked: TogetherAsked): Promise<UsedTogether> {
    return this.#desk.do({ kind: 'together', asked })
  }

  /** Everything that is kept of a user. */
  async export(user: string): Promise<LedgerAnswers['export']> {
    await this.flush()
    return this.#desk.do({ kind: 'export', users: this.identitiesOf(user) })
  }

  /** Forgets a user, and resolves with how many rows were about that person. */
  async forget(user: string): Promise<number> {
    await this.flush()
    return this.#desk.do({ kind: 'forget', users: this.identitiesOf(user) })
  }

  /** How a user is called here from now on. */
  identityOf(user: string): string {
    return this.#identities.of(user)
  }

  /** How a user is and was called here. */
  identitiesOf(user: string): string[] {
    return this.#identities.all(user)
  }

  /** Begins with new pseudonyms; `only`: nobody can be found by the old ones any more. */
  rotate(only: boolean): Result<number, string> {
    return this.#identities.rotate(only)
  }

  /** Keeps what is left, after every allocation was told to be closed. */
  async close(): Promise<void> {
    this.#isClosing = true
    // What waits for an answer of the database would hold up the last batch.
    await this.#desk.close()
    await this.#writing
    await this.#write()
  }

  async #tick(): Promise<void> {
    await this.flush()
    if (++this.#batches % DELIVER_EVERY !== 0 || this.#spooled === 0 || this.#delivering) return
    this.#delivering = this.deliver().finally(() => {
      this.#delivering = undefined
    })
  }

  /** `taken` is called in the moment after which what is counted belongs to the next batch. */
  async #write(taken = () => {}): Promise<void> {
    const { mostSpooled = MOST_SPOOLED } = this.#parts
    if (this.#meter.size === 0) {
      taken()
      return
    }
    if (this.#spooled >= mostSpooled) {
      this.#setInMemory(`${mostSpooled >> 20} MiB wait for the database`)
      // Begins the next hour, where it is that late.
      const rows = this.#meter.take()
      taken()
      await this.#putBack(rows)
      return
    }
    const count = this.#meter.size
    const rows = this.#meter.take()
    taken()
    let kept = 0
    try {
      for (const left = rows[Symbol.iterator](); kept < count; kept += BATCH_ROWS) {
        const some = next(left, BATCH_ROWS)
        this.#spooled += await this.#spool.write({
          writer: this.#writer,
          sequence: ++this.#sequence,
          rows: some,
        })
      }
      this.#setInMemory(undefined)
    } catch (error) {
      await this.#putBack(rows, kept)
      this.#setInMemory((error as Error).message)
    }
  }

  /** Takes back all rows but the first so many. */
  #putBack(rows: Iterable<UsageRow>, kept = 0): Promise<void> {
    let index = 0
    return inSlices(rows, row => {
      if (index++ >= kept) this.#meter.putBack(row)
    })
  }

  /** Says once that usage is in memory alone and why, and once that it is on disk again. */
  #setInMemory(why: string | undefined): void {
    const isInMemory = why !== undefined
    if (isInMemory === this.#isInMemory) return
    this.#isInMemory = isInMemory
    if (isInMemory)
      this.#complain('ledger-spool', 'the ledger waits in memory, and would be lost with this process', why)
    else this.#parts.log.info('the ledger is kept on disk again')
  }

  /** Says once that the database is away, and once that it is back. */
  async #tell(delivery: Promise<LedgerAnswers['deliver']>): Promise<void> {
    const { log } = this.#parts
    try {
      const { left, damaged, batches } = await delivery
      this.#spooled = left
      for (const file of damaged)
        this.#complain('ledger-damaged', 'usage could not be read, and was put aside', file)
      if (this.#isAway) log.info('the ledger is up to date again', { batches })
      this.#isAway = false
    } catch (error) {
      // The thread is ended in the middle of what it does; the next start goes on with it.
      if (this.#isClosing) return
      if (!this.#isAway)
        this.#complain(
          'ledger-away',
          'the database of the ledger cannot be used; usage is kept in the state folder until it can',
          (error as Error).message,
        )
      this.#isAway = true
    }
  }

  #complain(kind: string, message: string, why: string): void {
    this.#parts.log.limited(kind, 'warn', message, () => ({ why }))
  }

  #minuteNow(): number {
    return Math.floor(this.#parts.wall() / BATCH_EVERY)
  }
}

/** The next so many of an iterator, which can be gone on with. */
function* next<T>(iterator: Iterator<T>, count: number): Generator<T> {
  for (let left = count; left > 0; left--) {
    const one = iterator.next()
    if (one.done) return
    yield one.value
  }
}
