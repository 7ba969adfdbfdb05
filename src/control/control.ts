import type {
  HistoryPoint,
  HistoryView,
  NamesView,
  NotifiedView,
  Reloaded,
  SessionView,
  Status,
} from './view.ts'

/** A relay at one moment. */
export interface RelayLook {
  readonly status: Status
  /** All of them, the busiest first. */
  readonly sessions: readonly SessionView[]
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
  look(options?: { readonly hurry?: boolean }): Promise<RelayLook>
  /** Without the sessions' rates, and so without waiting. */
  status(): Promise<Status>
  history(): HistoryView
  /** The point for the last second. */
  point(): HistoryPoint
  /** Ends a session; false when there is none of this id. */
  disconnect(session: string): boolean
  /** Ends all sessions of a user, by pseudonym; returns how many. */
  disconnectUser(user: string): Promise<number>
  /** Whose pseudonyms and sessions these are. */
  reveal(users: readonly string[], sessions: readonly string[]): Promise<NamesView>
  /** The pseudonym of a user by the name in the credential; undefined where that user has no session. */
  pseudonymOf(name: string): Promise<string | undefined>
  /** Takes no new allocation any more, and ends the process with the last one. */
  drain(): void
  /** Takes new allocations again; false where no drain is under way. */
  cancelDrain(): boolean
  reload(): Reloaded
  /** Sends a test message by every way that people are notified by. */
  notifyTest(): Promise<NotifiedView>
  /** The settings in force, without secrets. */
  configuration(): Readonly<Record<string, unknown>>
}
