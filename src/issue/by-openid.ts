import { failed, type Result, succeeded } from '../base/result.ts'
import type { Homeserver } from '../config/settings.ts'
import { isListed, parseServerName, type ServerName } from '../homeserver/matrix-id.ts'
import { jsonObject } from '../http/exchange.ts'
import { type IssueAnswer, matrixError, nothingToGive, unavailable } from './answer.ts'
import { type Issued, type NothingWhy, nothingWhy } from './issuer.ts'
import type { IssueNote } from './note.ts'
import type { Verified } from './openid.ts'
import { type IssueQuestion, usable } from './question.ts'

export interface ByOpenIdPorts {
  readonly homeservers: readonly Homeserver[]
  verify(server: ServerName, token: string, listed: string): Promise<Verified>
  issue(homeserver: Homeserver, user: string): Result<Issued, NothingWhy>
  /** Makes a link to the page about a user's own use; undefined where there is none. */
  usageLink(homeserver: string, user: string): UsageLink | undefined
  note(note: IssueNote): void
}

export interface UsageLink {
  readonly url: string
  /** Milliseconds since the epoch. */
  readonly expires: number
}

type Note = (outcome: IssueNote['outcome'], more?: Omit<IssueNote, 'way' | 'outcome'>) => void

/**
 * Hands a credential to a client that shows an OpenID token of a server on the
 * allow-list: the object that `/openid/request_token` gives (Client-Server API).
 */
export async function byOpenId(question: IssueQuestion, ports: ByOpenIdPorts): Promise<IssueAnswer> {
  const note: Note = (outcome, more = {}) => ports.note({ way: 'openid', outcome, ...more })
  const asking = askedBy(question, ports, note)
  if (!asking.ok) return asking.error
  const { homeserver } = asking.value
  const named = { homeserver: homeserver.name }
  // Nobody is asked about users who would get nothing.
  const nobody = nothingWhy(homeserver)
  if (nobody !== undefined) {
    note('nothing', { ...named, why: nobody })
    return nothingToGive(nobody)
  }
  const verified = await verifiedUser(asking.value, ports, note)
  if (!verified.ok) return verified.error
  const user = verified.value
  const issued = ports.issue(homeserver, user)
  if (!issued.ok) {
    note('nothing', { ...named, user, why: issued.error })
    return nothingToGive(issued.error)
  }
  note('issued', { ...named, user })
  return { status: 200, body: { ...issued.value } }
}

/** Hands a link to the page about their own use to somebody who proves who they are in the same way. */
export async function usageLinkByOpenId(question: IssueQuestion, ports: ByOpenIdPorts): Promise<IssueAnswer> {
  const note: Note = (outcome, more = {}) => ports.note({ way: 'usage-link', outcome, ...more })
  const asking = askedBy(question, ports, note)
  if (!asking.ok) return asking.error
  const verified = await verifiedUser(asking.value, ports, note)
  if (!verified.ok) return verified.error
  const named = { homeserver: asking.value.homeserver.name, user: verified.value }
  const link = ports.usageLink(named.homeserver, named.user)
  if (!link) {
    note('nothing', { ...named, why: 'there is no page about use' })
    return matrixError(404, 'M_NOT_FOUND', 'this relay has no pages about use')
  }
  note('issued', named)
  return { status: 200, body: { ...link } }
}

interface Asking {
  readonly homeserver: Homeserver
  readonly server: ServerName
  readonly token: string
}

/** Reads who asks, with which token; or the answer to what cannot be asked. */
function askedBy(question: IssueQuestion, ports: ByOpenIdPorts, note: Note): Result<Asking, IssueAnswer> {
  const said = jsonObject(question.body)
  if (!said) {
    note('bad-request', { why: 'the body is no JSON object' })
    return failed(matrixError(400, 'M_NOT_JSON', 'the body must be a JSON object'))
  }
  const token = usable(said.access_token)
  const name = said.matrix_server_name
  const server = typeof name === 'string' ? parseServerName(name) : undefined
  if (token === undefined || !server) {
    note('bad-request', { why: 'no OpenID token, or no server name' })
    return failed(matrixError(400, 'M_BAD_JSON', 'access_token and matrix_server_name are needed'))
  }
  const homeserver = homeserverFor(server, ports.homeservers)
  if (homeserver) return succeeded({ homeserver, server, token })
  note('refused', { why: `${server.text} is on no list` })
  return failed(matrixError(403, 'M_FORBIDDEN', 'users of this server get no credentials here'))
}

/** Asks the server whose token it is. */
async function verifiedUser(
  { homeserver, server, token }: Asking,
  ports: ByOpenIdPorts,
  note: Note,
): Promise<Result<string, IssueAnswer>> {
  const named = { homeserver: homeserver.name }
  const verified = await ports.verify(server, token, listedAs(server, homeserver))
  if (verified.kind === 'user') return succeeded(verified.user)
  if (verified.kind === 'failed') {
    note('failed', { ...named, why: `${server.text} was asked who it is: ${verified.why}` })
    return failed(unavailable(`${server.text} could not be asked whose token this is: ${verified.why}`))
  }
  note('refused', { ...named, why: `${server.text} does not know the token` })
  return failed(matrixError(401, 'M_UNKNOWN_TOKEN', 'the server does not know this token'))
}

/** The homeserver whose list names the server; a name in full beats a domain. */
function homeserverFor(server: ServerName, homeservers: readonly Homeserver[]): Homeserver | undefined {
  const exact = homeservers.find(({ openid }) => openid.includes(server.text))
  return exact ?? homeservers.find(({ openid }) => isListed(server, openid))
}

/** The entry of the homeserver's list that names the server. */
function listedAs(server: ServerName, { openid }: Homeserver): string {
  return openid.find(entry => isListed(server, [entry])) ?? server.text
}
