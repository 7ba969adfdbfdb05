import type { Result } from '../base/result.ts'
import type { Traffic } from '../base/route.ts'
import type { Language } from '../texts/language.ts'
import type { ApiFault } from './answer.ts'
import type { BanControl } from './bans/ban-control.ts'
import type {
  ChangeAsked,
  ChangesView,
  ChangeView,
  History,
  HistoryPoint,
  HistoryView,
  NamesView,
  NotifiedView,
  Reloaded,
  SessionView,
  Status,
  Upgraded,
} from './view.ts'

/** What somebody wants to see of the sessions. What is not shown is not put together. */
export interface Wanted {
  /** At most so many, the busiest. */
  readonly most: number
  /** Only those of this homeserver, of this user (by pseudonym), or whose client came by this transport. */
  readonly homeserver?: string | undefined
  readonly user?: string | undefined
  readonly transport?: string | undefined
  /** Does not wait for rates. */
  readonly hurry?: boolean
}

export interface SessionsShown {
  /** The busiest first. */
  readonly sessions: readonly SessionView[]
  /** Those that are wanted too, and are not in the list. */
  readonly more: number
}

/** The same, for whom one session at a time will do: thousands that are kept would cost the collector milliseconds. */
export interface SessionsFound extends Omit<SessionsShown, 'sessions'> {
  /** To be gone through once, soon: each is put together when its turn comes. */
  readonly sessions: Iterable<SessionView>
}

/** A relay at one moment. */
export interface RelayLook extends SessionsShown {
  readonly status: Status
}

/** Why a change was not made. `not-kept`: it could not be written down, so a restart would undo it. */
export interface ChangeFault {
  readonly why: 'unknown' | 'invalid' | 'too-many' | 'not-kept'
  readonly text: ApiFault
}

/**
 * What an operator can see of a running relay and do to it, by whichever door.
 * The relay's side of the control plane.
 */
export interface Control {
  /**
   * Rates are those of about one second; where nobody has looked of late, that
   * second is waited for, or, in a `hurry`, sessions have no rate yet.
   */
  look(wanted: Wanted): Promise<RelayLook>
  /** The same without the relay as a whole. */
  findSessions(wanted: Wanted): Promise<SessionsFound>
  /** One session; undefined when there is none of this id. */
  session(id: string): Promise<SessionView | undefined>
  /** Says what live allocations have carried by now; undefined of one that is not open. */
  traffic(): Promise<(allocation: number) => Traffic | undefined>
  /** Without the sessions' rates, and so without waiting. */
  status(): Promise<Status>
  history(): HistoryView
  /** By the hour for 400 days, across restarts. */
  hours(): History
  /** The point for the last second. */
  point(): HistoryPoint
  /** Ends a session; false when there is none of this id. */
  disconnect(session: string): boolean
  /** Ends all sessions of a user, by pseudonym; returns how many. */
  disconnectUser(user: string): Promise<number>
  /** Whose pseudonyms and sessions these are. */
  reveal(users: readonly string[], sessions: readonly string[]): Promise<NamesView>
  /** A user's pseudonym by the name in the credential; undefined for one without a session, unless blocked. */
  pseudonymOf(name: string): Promise<string | undefined>
  /** Takes no new allocation any more, and ends the process with the last one. */
  drain(): void
  /** Takes new allocations again; false where no drain is under way. */
  cancelDrain(): boolean
  /** Clients that are not served for a while. */
  readonly bans: BanControl
  reload(language: Language): Promise<Reloaded>
  /** Has a new process take over all calls; where that fails they go on here, and the answer says why. */
  upgrade(language: Language): Promise<Upgraded>
  /** To be called when the answer to `upgrade` has left: the door that it came by closes then. */
  upgradeTold(): void
  /** Sends a test message by every way that people are notified by. */
  notifyTest(language: Language): Promise<NotifiedView>
  /** What operators have changed while the relay ran, and the limits in force. */
  changes(): ChangesView
  /**
   * Pauses a homeserver, blocks a user or changes a limit, at once and across restarts. What is wrong with a limit is
   * said in that language.
   */
  change(asked: ChangeAsked, who: string, language: Language): Promise<Result<ChangeView, ChangeFault>>
  /** Takes a change back. */
  undo(id: string): Promise<Result<ChangeView, ChangeFault>>
  /** The settings in force, without secrets. */
  configuration(): Readonly<Record<string, unknown>>
}
