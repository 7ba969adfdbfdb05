import { contains, type Range } from '../base/range.ts'
import type { Settings } from '../config/settings.ts'
import type { Event } from '../core/event.ts'
import { type ClientRules, compileClients } from '../policy/client-policy.ts'
import { inSlices } from '../system/slices.ts'
import type { Ban, Bans } from './bans.ts'
import type { OpenSessions } from './open-sessions.ts'

export interface ClientGateParts {
  readonly bans: Bans
  readonly sessions: Pick<OpenSessions, 'opened'>
  /** Tells every shard. */
  keepOut(rules: ClientRules): void
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
  #clients: Settings['clients']
  #serves: ((ip: Uint8Array) => boolean) | undefined
  #isPending = false
  #appliedAt = Number.NEGATIVE_INFINITY

  constructor(clients: Settings['clients'], parts: ClientGateParts) {
    this.#parts = parts
    this.#clients = clients
  }

  /** Tells the shards what is in force. */
  apply(): void {
    const rules = { ...this.#clients, banned: this.#parts.bans.all.map(({ range }) => range) }
    this.#serves = compileClients(rules)
    this.#parts.keepOut(rules)
  }

  /** Takes new rules, and ends the sessions of those who are no longer served. */
  configure({ clients }: Settings): void {
    this.#clients = clients
    this.apply()
    this.#endUnserved()
  }

  /** A session, or its move to another address, may have been on its way while its client was banned. */
  hear(event: Event): void {
    const { kind } = event
    if ((kind === 'opened' || kind === 'roamed') && this.#serves?.(event.client.ip) === false)
      this.#parts.revoke(event)
  }

  /** To be called now and then: lifts the bans whose time is over. */
  tick(): void {
    if (this.#parts.bans.sweep(this.#parts.now())) this.#changed()
  }

  /** Bans a network and ends the sessions of its clients: how many, or undefined where there are too many bans. */
  async ban(ban: Ban): Promise<number | undefined> {
    if (!this.#parts.bans.add(ban)) return undefined
    this.#changed()
    return this.#end(ip => contains(ban.range, ip))
  }

  unban(range: Range): boolean {
    const isLifted = this.#parts.bans.remove(range)
    if (isLifted) this.#changed()
    return isLifted
  }

  #changed(): void {
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
    this.apply()
  }

  #endUnserved(): void {
    const serves = this.#serves
    if (serves) void this.#end(ip => !serves(ip))
  }

  async #end(isMeant: (ip: Uint8Array) => boolean): Promise<number> {
    let ended = 0
    await inSlices(this.#parts.sessions.opened(), session => {
      if (!isMeant(session.client.ip)) return
      ended++
      this.#parts.revoke(session)
    })
    return ended
  }
}
