import type { Authenticate, Candidate } from '../core/candidate.ts'

/** A user who is not served. */
export interface Blocked {
  readonly user: string
  /** Absent for every homeserver. */
  readonly homeserver?: string
  /** End by the wall clock, in milliseconds since the epoch; absent for none. */
  readonly until?: number
}

/**
 * Marks the candidates that are blocked. Their integrity is verified all the
 * same, so that nobody learns who is blocked without the user's credential.
 */
export function withBlocked(blocked: readonly Blocked[], authenticate: Authenticate): Authenticate {
  if (blocked.length === 0) return authenticate
  const isBlocked = blockedIn(blocked)
  return request =>
    authenticate(request).map(
      (candidate): Candidate =>
        isBlocked(candidate.tenant, candidate.user, request.now)
          ? { ...candidate, blocked: true }
          : candidate,
    )
}

/** Tells for a user of a homeserver whether a list blocks them at a moment; a look-up, however long the list. */
export function blockedIn(
  blocked: readonly Blocked[],
): (homeserver: string, user: string, now: number) => boolean {
  const byUser = new Map<string, Blocked[]>()
  for (const entry of blocked) byUser.set(entry.user, [...(byUser.get(entry.user) ?? []), entry])
  return (homeserver, user, now) =>
    byUser
      .get(user)
      ?.some(
        entry =>
          (entry.homeserver === undefined || entry.homeserver === homeserver) &&
          (entry.until === undefined || entry.until > now),
      ) ?? false
}
