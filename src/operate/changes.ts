import { randomBytes } from 'node:crypto'
import { blockedIn } from '../auth/blocked.ts'
import { failed, type Result, succeeded } from '../base/result.ts'
import { type Change, MOST_CHANGES, parseLimit, writtenLimits } from '../config/changes.ts'
import type { Settings } from '../config/settings.ts'
import type { ChangeFault } from '../control/control.ts'
import type { ChangeAsked, ChangesView, ChangeView } from '../control/view.ts'
import type { Event } from '../core/event.ts'
import type { Pseudonyms } from '../log/pseudonyms.ts'
import type { Shards } from '../relay/shards.ts'
import { DEAR, inSlices } from '../system/slices.ts'
import type { Language } from '../texts/language.ts'
import type { LiveSettings } from './live-settings.ts'
import type { OpenSessions } from './open-sessions.ts'

export interface ChangesParts {
  readonly settings: Pick<LiveSettings, 'current' | 'unchanged' | 'changes' | 'change' | 'follow'>
  readonly sessions: Pick<OpenSessions, 'entries' | 'opened'>
  readonly shards: Pick<Shards, 'revoke'>
  readonly pseudonyms: Pick<Pseudonyms, 'of'>
  /** Milliseconds since the epoch. */
  readonly now?: () => number
}

/** What operators change while the relay runs, and what follows for sessions that are open. */
export class Changes {
  readonly #parts: ChangesParts
  readonly #now: () => number
  #isBlocked: ReturnType<typeof blockedIn> = () => false
  /** Each change is laid over those before it. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(parts: ChangesParts) {
    this.#parts = parts
    this.#now = parts.now ?? Date.now
    this.#configure(parts.settings.current)
    parts.settings.follow({ configure: settings => this.#configure(settings) })
  }

  /** A session of a blocked user may have been on its way when the block came. */
  hear(event: Event): void {
    if (event.kind !== 'opened' || !this.#isBlocked(event.owner.tenant, event.owner.user, this.#now())) return
    this.#parts.shards.revoke(event.allocation)
  }

  view(): ChangesView {
    const { settings } = this.#parts
    const before = new Map(writtenLimits(settings.unchanged).map(limit => [limitKey(limit), limit.value]))
    const limits = writtenLimits(settings.current).map(limit => {
      const file = before.get(limitKey(limit))
      return { ...limit, ...(file !== undefined && { file }) }
    })
    return { changes: this.#live().map(change => this.#viewOf(change)), limits }
  }

  /** Makes a change and keeps it. A change of the same thing takes the place of the one before. */
  make(asked: ChangeAsked, who: string, language: Language = 'en'): Promise<Result<ChangeView, ChangeFault>> {
    return this.#inTurn(() => this.#make(asked, who, language))
  }

  /** Takes a change back, so that the file applies again. */
  undo(id: string): Promise<Result<ChangeView, ChangeFault>> {
    return this.#inTurn(() => this.#undo(id))
  }

  async #make(asked: ChangeAsked, who: string, language: Language): Promise<Result<ChangeView, ChangeFault>> {
    const base = { id: randomBytes(4).toString('hex'), at: new Date(this.#now()).toISOString(), who }
    const found = await this.#changeOf(asked, base, language)
    if (!found.ok) return found
    const others = this.#live().filter(one => targetOf(one) !== targetOf(found.value))
    if (others.length >= MOST_CHANGES)
      return failed({ why: 'too-many', text: { key: 'change.tooMany', values: { most: MOST_CHANGES } } })
    const kept = await this.#keep([...others, found.value])
    return kept.ok ? succeeded(this.#viewOf(found.value)) : kept
  }

  async #undo(id: string): Promise<Result<ChangeView, ChangeFault>> {
    const all = this.#live()
    const undone = all.find(one => one.id === id)
    if (!undone) return failed({ why: 'unknown', text: { key: 'change.none' } })
    const kept = await this.#keep(all.filter(one => one !== undone))
    return kept.ok ? succeeded(this.#viewOf(undone)) : kept
  }

  /** Names of blocked users, by their pseudonyms of today. */
  names(): ReadonlyMap<string, string> {
    return new Map(
      this.#live().flatMap(one => (one.kind === 'block' ? [[this.#pseudonym(one.user), one.user]] : [])),
    )
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work)
    this.#last = done.catch(() => {})
    return done
  }

  #live(): Change[] {
    const now = this.#now()
    return this.#parts.settings.changes.filter(
      one => one.kind !== 'block' || one.until === undefined || Date.parse(one.until) > now,
    )
  }

  async #keep(changes: readonly Change[]): Promise<Result<undefined, ChangeFault>> {
    const text = await this.#parts.settings.change(changes)
    return text === undefined ? succeeded(undefined) : failed({ why: 'not-kept', text })
  }

  async #changeOf(
    asked: ChangeAsked,
    base: Pick<Change, 'id' | 'at' | 'who'>,
    language: Language,
  ): Promise<Result<Change, ChangeFault>> {
    const { homeserver } = asked
    const { homeservers } = this.#parts.settings.unchanged
    const isKnown = homeserver === undefined || homeservers.some(({ name }) => name === homeserver)
    if (asked.kind !== 'block' && !isKnown)
      return failed({ why: 'unknown', text: { key: 'change.homeserver', values: { homeserver } } })
    if (asked.kind === 'pause') return succeeded({ ...base, ...asked })
    if (asked.kind === 'limit') {
      const value = parseLimit(asked, language)
      if (value.ok) return succeeded({ ...base, ...asked })
      const { what, fix } = value.error
      const text =
        fix === undefined
          ? { key: 'change.value' as const, values: { what } }
          : { key: 'change.fixable' as const, values: { what, fix } }
      return failed({ why: 'invalid', text })
    }
    const user = asked.name ?? (await this.#nameOf(asked.user ?? ''))
    if (user === undefined || user === '') return failed({ why: 'unknown', text: { key: 'noUser' } })
    const until = asked.seconds === undefined ? undefined : new Date(this.#now() + asked.seconds * 1000)
    return succeeded({
      ...base,
      kind: 'block',
      user,
      ...(homeserver !== undefined && { homeserver }),
      ...(until && { until: until.toISOString() }),
    })
  }

  async #nameOf(pseudonym: string): Promise<string | undefined> {
    const blocked = this.names().get(pseudonym)
    if (blocked !== undefined || pseudonym === '') return blocked
    let found: string | undefined
    await inSlices(this.#parts.sessions.entries(), ({ user, opened }) => {
      if (user === pseudonym) found = opened.owner.user
    })
    return found
  }

  /** Called after the shards have the settings, so that no new session of a blocked user follows. */
  #configure({ blocked = [] }: Settings): void {
    this.#isBlocked = blockedIn(blocked)
    if (blocked.length > 0) void this.#disconnect()
  }

  async #disconnect(): Promise<void> {
    const { sessions, shards } = this.#parts
    const end = ({ allocation, owner }: Event & { readonly kind: 'opened' }) => {
      if (this.#isBlocked(owner.tenant, owner.user, this.#now())) shards.revoke(allocation)
    }
    await inSlices(sessions.opened(), end, DEAR)
  }

  #viewOf(change: Change): ChangeView {
    const { id, at, who, kind, homeserver } = change
    const common = { id, at: Date.parse(at), who, kind, ...(homeserver !== undefined && { homeserver }) }
    switch (change.kind) {
      case 'pause':
        return { ...common, paused: change.paused }
      case 'limit':
        return { ...common, key: change.key, value: change.value }
      case 'block':
        return {
          ...common,
          user: this.#pseudonym(change.user),
          ...(change.until !== undefined && { until: Date.parse(change.until) }),
        }
    }
  }

  #pseudonym(user: string): string {
    return this.#parts.pseudonyms.of('user', user)
  }
}

/** Equal for two changes of the same thing. */
function targetOf(change: Change): string {
  const { kind, homeserver } = change
  const what = kind === 'block' ? change.user : kind === 'limit' ? change.key : ''
  return JSON.stringify([kind, homeserver ?? null, what])
}

function limitKey({ key, homeserver }: { readonly key: string; readonly homeserver?: string }): string {
  return JSON.stringify([homeserver ?? null, key])
}
