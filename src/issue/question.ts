import type { IncomingHttpHeaders } from 'node:http'

/** A request as the handlers see it. Its body is read by then. */
export interface IssueQuestion {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  /** The host that the client asked, in lower case and without port. */
  readonly host: string
  readonly body: string
}

/** The longest access token that is passed on; those that are signed documents are long. */
const LONGEST_TOKEN = 4096

/** The access token of a Matrix client: in the header, or, as older ones have it, in the query. */
export function accessToken({ headers, query }: IssueQuestion): string | undefined {
  const header = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1]
  return usable(header ?? query.get('access_token') ?? undefined)
}

/** The token if it can stand in a header without doing harm. */
export function usable(token: unknown): string | undefined {
  if (typeof token !== 'string' || token.length === 0 || token.length > LONGEST_TOKEN) return undefined
  return /^[\x21-\x7e]+$/.test(token) ? token : undefined
}

/** A host without its port and in lower case; an IPv6 address keeps its brackets. */
export function hostOf(header: string | undefined): string {
  return (header ?? '')
    .trim()
    .toLowerCase()
    .replace(/:[0-9]*$/, '')
}
