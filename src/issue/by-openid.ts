import type { Result } from '../base/result.ts'
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
  note(note: IssueNote): void
}

/**
 * Hands a credential to a client that shows an OpenID token of a server on the
 * allow-list: the object that `/openid/request_token` gives (Client-Server API).
 */
export async function byOpenId(question: IssueQuestion, ports: ByOpenIdPorts): Promise<IssueAnswer> {
  const note = (outcome: IssueNote['outcome'], more: Omit<IssueNote, 'way' | 'outcome'> = {}) =>
    ports.note({ way: 'openid', outcome, ...more })
  const said = jsonObject(question.body)
  if (!said) {
    note('bad-request', { why: 'the body is no JSON object' })
    return matrixError(400, 'M_NOT_JSON', 'the body must be a JSON object')
  }
  const token = usable(said.access_token)
  const name = said.matrix_server_name
  const server = typeof name === 'string' ? parseServerName(name) : undefined
  if (token === undefined || !server) {
    note('bad-request', { why: 'no OpenID token, or no server name' })
    return matrixError(400, 'M_BAD_JSON', 'access_token and matrix_server_name are needed')
  }

  const homeserver = homeserverFor(server, ports.homeservers)
  if (!homeserver) {
    note('refused', { why: `${server.text} is on no list` })
    return matrixError(403, 'M_FORBIDDEN', 'users of this server get no credentials here')
  }
  const named = { homeserver: homeserver.name }
  // Nobody is asked about users who would get nothing.
  const nobody = nothingWhy(homeserver)
  if (nobody !== undefined) {
    note('nothing', { ...named, why: nobody })
    return nothingToGive(nobody)
  }
  const verified = await ports.verify(server, token, listedAs(server, homeserver))
  if (verified.kind === 'failed') {
    note('failed', { ...named, why: `${server.text} was asked who it is: ${verified.why}` })
    return unavailable(`${server.text} could not be asked whose token this is: ${verified.why}`)
  }
  if (verified.kind === 'unknown') {
    note('refused', { ...named, why: `${server.text} does not know the token` })
    return matrixError(401, 'M_UNKNOWN_TOKEN', 'the server does not know this token')
  }
  const issued = ports.issue(homeserver, verified.user)
  if (!issued.ok) {
    note('nothing', { ...named, user: verified.user, why: issued.error })
    return nothingToGive(issued.error)
  }
  note('issued', { ...named, user: verified.user })
  return { status: 200, body: { ...issued.value } }
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
