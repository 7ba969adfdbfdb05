import { contains, type Range } from '../base/range.ts'
import type { Settings } from '../config/settings.ts'
import type { Event } from '../core/event.ts'
import { type BanChange, ClientPolicy, type ClientRules } from '../policy/client-policy.ts'
import { DEAR, inSlices } from '../system/slices.ts'
import type { Ban, Bans } from './bans.ts'
import type { OpenedEvent, OpenSessions } from './open-sessions.ts'

export interface ClientGateParts {
  readonly bans: Bans
  readonly sessions: Pick<OpenSessions, 'opened'>
  /** Tells every shard whom the configuration keeps out. */
  keepOut(rules: ClientRules): void
  /** Tells every shard who is banned from now on, or no longer. */
  ban(changes: readonly BanChange[]): void
  /** Ends a session. */
  revoke(session: Pick<Extract<Event, { kind: 'opened' }>, 'allocation'>): void
  /** Keeps the bans for the next start. */
  keep(bans: readonly Ban[]): void
  readonly now: () => number
  readonly later?: (run: () => void) => void
}

/** Milliseconds in which bans, after the first, become one change for the shards. */
const GATHER = 250

/** Who is not served: by the configuration, or because somebody was banned for a while. */
export class ClientGate {
  readonly #parts: ClientGateParts
  /** Of the configuration as it was at the start. */
  readonly #clients: ClientRules
  readonly #policy = new ClientPolicy()
  /** What the shards have not been told of. */
  #pending: BanChange[] = []
  #isPending = false
  #appliedAt = Number.NEGATIVE_INFINITY

  constructor(clients: ClientRules, parts: ClientGateParts) {
    this.#parts = parts
    this.#clients = clients
  }

  /** Tells the shards what is in force; to be called once. */
  apply(): void {
    this.#keepOut(this.#clients)
    this.#ban(this.#parts.bans.all.map(({ range }) => ({ range, isBanned: true })))
  }

  /** Takes new rules, and ends the sessions of those who are no longer served. */
  configure({ clients }: Settings): void {
    this.#keepOut(clients)
    this.#endUnserved()
  }

  /** A session, or its move to another address, may have been on its way while its client was banned. */
  hear(event: Event): void {
    const { kind } = event
    if ((kind === 'opened' || kind === 'roamed') && !this.#policy.serves(event.client.ip))
      this.#parts.revoke(event)
  }

  /** To be called now and then: lifts the bans whose time is over. */
  async tick(): Promise<void> {
    const over = await this.#parts.bans.sweep(this.#parts.now())
    if (over.length > 0) this.#changed(over.map(range => ({ range, isBanned: false })))
  }

  /** Bans a network and ends the sessions of its clients: how many, or undefined where there are too many bans. */
  async ban(ban: Ban): Promise<number | undefined> {
    const added = this.#parts.bans.add(ban)
    if (added === 'too-many') return undefined
    this.#changed(added === 'new' ? [{ range: ban.range, isBanned: true }] : [])
    return this.#end(ip => contains(ban.range, ip))
  }

  unban(range: Range): boolean {
    const isLifted = this.#parts.bans.remove(range)
    if (isLifted) this.#changed([{ range, isBanned: false }])
    return isLifted
  }

  #changed(changes: readonly BanChange[]): void {
    for (const change of changes) this.#pending.push(change)
    if (this.#isPending) return
    const now = this.#parts.now()
    // The first one holds at once.
    if (Math.abs(now - this.#appliedAt) >= GATHER) {
      this.#use(now)
      return
    }
    this.#isPending = true
    const later = this.#parts.later ?? (run => void setTimeout(run, GATHER).unref())
    later(() => {
      this.#isPending = false
      this.#use(this.#parts.now())
      // Until now the shards have served those who were banned meanwhile.
      this.#endUnserved()
    })
  }

  #use(now: number): void {
    this.#appliedAt = now
    this.#parts.keep(this.#parts.bans.all)
    this.#ban(this.#pending.splice(0))
  }

  #keepOut({ allow, deny }: ClientRules): void {
    const rules = { allow, deny }
    this.#policy.configure(rules)
    this.#parts.keepOut(rules)
  }

  #ban(changes: readonly BanChange[]): void {
    if (changes.length === 0) return
    this.#policy.change(changes)
    this.#parts.ban(changes)
  }

  #endUnserved(): void {
    if (!this.#policy.isOpen) void this.#end(ip => !this.#policy.serves(ip))
  }

  async #end(isMeant: (ip: Uint8Array) => boolean): Promise<number> {
    let ended = 0
    const end = (session: OpenedEvent) => {
      if (!isMeant(session.client.ip)) return
      ended++
      this.#parts.revoke(session)
    }
    await inSlices(this.#parts.sessions.opened(), end, DEAR)
    return ended
  }
}
