import type { Result } from '../base/result.ts'
import type { Homeserver, StandIn } from '../config/settings.ts'
import { type IssueAnswer, limited, matrixError, nothingToGive, unavailable } from './answer.ts'
import type { Issued, NothingWhy } from './issuer.ts'
import type { IssueNote } from './note.ts'
import { accessToken, type IssueQuestion } from './question.ts'
import type { Who } from './whoami.ts'

export interface StandInPorts {
  readonly homeservers: readonly Homeserver[]
  whoami(url: string, token: string): Promise<Who>
  issue(homeserver: Homeserver, user: string): Result<Issued, NothingWhy>
  note(note: IssueNote): void
}

/** Paths that clients of all ages use. */
export const TURN_SERVER_PATHS = ['v3', 'r0', 'api/v1', 'unstable'].flatMap(version => {
  const path = `/_matrix/client/${version}/voip/turnServer`
  return [path, `${path}/`]
})

/** Answers `/voip/turnServer` in the homeserver's place, to whom the homeserver knows. */
export async function standIn(question: IssueQuestion, ports: StandInPorts): Promise<IssueAnswer> {
  const note = (outcome: IssueNote['outcome'], more: Omit<IssueNote, 'way' | 'outcome'> = {}) =>
    ports.note({ way: 'stand-in', outcome, ...more })
  const found = homeserverFor(question.host, ports.homeservers)
  if (!found) {
    note('nothing', { why: 'no homeserver has the host that was asked' })
    return nothingToGive('no homeserver has this host')
  }
  const { homeserver, standIn } = found
  const named = { homeserver: homeserver.name }
  const token = accessToken(question)
  if (token === undefined) {
    note('bad-request', { ...named, why: 'no access token' })
    return matrixError(401, 'M_MISSING_TOKEN', 'Missing access token')
  }

  const who = await ports.whoami(standIn.url, token)
  if (who.kind === 'failed') {
    note('failed', { ...named, why: `the homeserver was asked who it is: ${who.why}` })
    return unavailable('the homeserver could not be asked whose access token this is')
  }
  if (who.kind === 'limited') {
    note('limited', { ...named, why: 'the homeserver wants fewer questions' })
    return limited(who.seconds)
  }
  if (who.kind === 'unknown') {
    note('refused', { ...named, why: 'the homeserver does not take the access token' })
    const more = who.softLogout ? { soft_logout: true } : {}
    return matrixError(401, who.errcode, 'The homeserver does not take the access token', more)
  }
  if (who.guest && !standIn.guests) {
    note('refused', { ...named, user: who.user, why: 'guests get no credentials here' })
    return matrixError(403, 'M_GUEST_ACCESS_FORBIDDEN', 'Guests get no TURN credentials here')
  }

  const issued = ports.issue(homeserver, who.user)
  if (!issued.ok) {
    note('nothing', { ...named, user: who.user, why: issued.error })
    return nothingToGive(issued.error)
  }
  note('issued', { ...named, user: who.user })
  return { status: 200, body: { ...issued.value } }
}

interface StoodIn {
  readonly homeserver: Homeserver
  readonly standIn: StandIn
}

/** The homeserver that clients reach by this host; the only one there is needs no name. */
function homeserverFor(host: string, homeservers: readonly Homeserver[]): StoodIn | undefined {
  const all = homeservers.flatMap((homeserver): StoodIn[] =>
    homeserver.standIn ? [{ homeserver, standIn: homeserver.standIn }] : [],
  )
  return all.length === 1 ? all[0] : all.find(({ standIn }) => standIn.hosts.includes(host))
}
