/** What goes back over HTTP. */
export interface IssueAnswer {
  readonly status: number
  readonly body?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
}

/** An error as Matrix clients read it (Client-Server API, "Standard error response"). */
export function matrixError(
  status: number,
  errcode: string,
  error: string,
  more: Readonly<Record<string, unknown>> = {},
): IssueAnswer {
  return { status, body: { errcode, error, ...more } }
}

/** Too many requests: the client may come back after `seconds`. */
export function limited(seconds: number): IssueAnswer {
  const retry = Math.max(1, Math.ceil(seconds))
  return {
    ...matrixError(429, 'M_LIMIT_EXCEEDED', 'too many requests', { retry_after_ms: retry * 1000 }),
    headers: { 'retry-after': String(retry) },
  }
}

/**
 * What a homeserver without TURN servers is to answer (MSC4166), with the reason. Clients take it as "none", and ask
 * again later; after a 403 they would not, and a pause or a block may be over then.
 */
export function nothingToGive(why: string): IssueAnswer {
  return matrixError(404, 'M_NOT_FOUND', `there is no TURN server for this user: ${why}`)
}

/** The answer while the homeserver cannot say who it is. No 401: clients would log out over it. */
export function unavailable(error: string): IssueAnswer {
  return matrixError(502, 'M_UNKNOWN', error)
}
