import { createHash, timingSafeEqual } from 'node:crypto'
import type { Result } from '../base/result.ts'
import type { Homeserver } from '../config/settings.ts'
import type { IssueAnswer } from './answer.ts'
import { type Issued, isUser, type NothingWhy } from './issuer.ts'
import type { IssueNote } from './note.ts'
import { accessToken, type IssueQuestion } from './question.ts'

export interface TurnRestPorts {
  readonly homeservers: readonly Homeserver[]
  issue(homeserver: Homeserver, user: string): Result<Issued, NothingWhy>
  note(note: IssueNote): void
}

/** A backend that showed its key, and whom it issues for. */
export interface KnownBackend {
  readonly name: string
  readonly homeserver: Homeserver
}

/** The backend whose key the question shows; all keys are compared, so that the time tells nothing. */
export function backendOf(
  question: IssueQuestion,
  homeservers: readonly Homeserver[],
): KnownBackend | undefined {
  const shown = digest(question.query.get('key') ?? accessToken(question) ?? '')
  let found: KnownBackend | undefined
  for (const homeserver of homeservers) {
    for (const { name, apiKey } of homeserver.backends) {
      if (timingSafeEqual(shown, digest(apiKey))) found = { name, homeserver }
    }
  }
  return found
}

/** Hands a credential to a backend (draft-uberti-behave-turn-rest §2). */
export function turnRest(question: IssueQuestion, ports: TurnRestPorts): IssueAnswer {
  const note = (outcome: IssueNote['outcome'], more: Omit<IssueNote, 'way' | 'outcome'> = {}) =>
    ports.note({ way: 'rest', outcome, ...more })
  const error = (status: number, text: string): IssueAnswer => ({ status, body: { error: text } })
  const backend = backendOf(question, ports.homeservers)
  if (!backend) {
    note('refused', { why: 'no backend has the key that was shown' })
    return error(401, 'the key is missing or wrong')
  }
  const { homeserver } = backend
  const named = { homeserver: homeserver.name, backend: backend.name }
  const service = question.query.get('service') ?? 'turn'
  const user = question.query.get('username') ?? ''
  if (service !== 'turn' || !isUser(user)) {
    const why = service === 'turn' ? 'this cannot be a username' : 'the only service is "turn"'
    note('bad-request', { ...named, why })
    return error(400, why)
  }
  const issued = ports.issue(homeserver, user)
  if (!issued.ok) {
    note('nothing', { ...named, user, why: issued.error })
    return error(issued.error === 'the user is blocked' ? 403 : 404, issued.error)
  }
  note('issued', { ...named, user })
  return { status: 200, body: { ...issued.value } }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
