import { formatIp } from '../../base/address.ts'
import { NONCE, REALM, REQUESTED_TRANSPORT } from '../../wire/attributes.ts'
import { get, Method } from '../../wire/message.ts'
import type { EndpointCheck } from '../check.ts'
import { credentialOf, type Facts, type TurnEndpoint } from '../facts.ts'
import { type Finding, finding } from '../finding.ts'
import { openSession } from '../open.ts'
import { reaches } from '../scope.ts'
import { mangled, type SecretForm } from '../secret-forms.ts'
import type { Credential, TurnAnswer } from '../turn-session.ts'
import { unreachableFinding } from './relaying-addresses.ts'

const UDP = 17
/** Seconds past every grace that anybody would set for a credential that should be refused. */
const LONG_AGO = 2 * 86_400

/** Nobody gets an allocation without a credential, with a wrong one, or with one whose time is over. */
export const strangers: EndpointCheck = {
  name: 'authentication',
  async run(facts, endpoint) {
    if (!endpoint.state.reached) return []
    const at = { at: endpoint.label }
    const found: Finding[] = []
    const nobody = await allocate(endpoint, undefined)
    if (nobody.kind === 'answered') found.push(finding('open-relay', {}, at))
    if (nobody.kind === 'rejected') {
      const isChallenge =
        nobody.code === 401 &&
        get(nobody.message, REALM) !== undefined &&
        get(nobody.message, NONCE) !== undefined
      if (nobody.code === 300) found.push(finding('draining', {}, at))
      else if (!isChallenge) found.push(finding('no-challenge', { code: nobody.code }, at))
    }
    if (nobody.kind === 'silent') found.push(finding('turn-silent', {}, at))
    const { credential } = facts
    if (credential && nobody.kind === 'rejected') {
      const wrong = await allocate(endpoint, { ...credential, password: 'certainly not the password' })
      if (wrong.kind === 'allocated') found.push(finding('wrong-password-taken', {}, at))
      const expired = facts.issue(-LONG_AGO)
      const late = expired && facts.issuer !== 'user' ? await allocate(endpoint, expired) : undefined
      if (late?.kind === 'allocated') found.push(finding('expired-taken', {}, at))
    }
    return found.length > 0 ? found : [finding('strangers-refused', {}, at)]
  },
}

/** The credential opens an allocation, twice, and its address is one that peers can reach. */
export const allocation: EndpointCheck = {
  name: 'allocation',
  async run(facts, endpoint) {
    const { state, label } = endpoint
    const { credential } = facts
    if (!state.reached || !credential) return []
    const opened = await openSession(endpoint, credential)
    if (!opened.ok) return [finding('turn-silent', {}, { at: label })]
    const first = opened.value
    const answer = await first.ask((client, now) => client.allocate({}, now))
    if (answer.kind !== 'allocated') {
      first.close()
      return refused(facts, endpoint, answer, credential)
    }
    state.allocated = true
    const second = await openSession(endpoint, credential)
    const again = second.ok ? await second.value.ask((client, now) => client.allocate({}, now)) : undefined
    if (!second.ok || again?.kind !== 'allocated') {
      if (second.ok) await second.value.end()
      await first.end()
      const code = again?.kind === 'rejected' ? again.code : 0
      return [finding('second-refused', { code }, { at: label })]
    }
    state.pair = [first, second.value]
    const shown = answer.relayed[0]!.ip
    if (!reaches(shown, endpoint.audience)) return [{ ...unreachableFinding(shown), at: [label] }]
    return [finding('allocated', { relayed: formatIp(shown) }, { at: label })]
  },
}

/** Allocates without, or with a credential, and gives the allocation back. */
async function allocate(endpoint: TurnEndpoint, credential: Credential | undefined): Promise<TurnAnswer> {
  const opened = await openSession(endpoint, credential)
  if (!opened.ok) return { kind: 'silent', fault: opened.error }
  const session = opened.value
  try {
    if (!credential) {
      // A request of our own making, since a client without credentials gives up at the challenge.
      return await session.ask((client, now) =>
        client.request(Method.Allocate, writer => writer.set(REQUESTED_TRANSPORT, UDP), now),
      )
    }
    const answer = await session.ask((client, now) => client.allocate({}, now))
    return answer
  } finally {
    await session.end()
  }
}

async function refused(
  facts: Facts,
  endpoint: TurnEndpoint,
  answer: TurnAnswer,
  credential: Credential,
): Promise<Finding[]> {
  const at = { at: endpoint.label }
  if (answer.kind === 'failed') return [finding('turn-answer-odd', { why: answer.why }, at)]
  if (answer.kind !== 'rejected') return [finding('turn-silent', {}, at)]
  endpoint.state.refused = answer.code
  const { code } = answer
  if (code === 300) return [finding('draining', {}, at)]
  if (code === 403) return [finding('issuer-paused', {}, at)]
  if (code === 440) return [finding('family-default', {}, at)]
  if (code === 486) return [finding('quota-reached', {}, at)]
  if (code === 508) return [finding('no-room', {}, at)]
  if (code !== 401) return [finding('allocate-refused', { code }, at)]
  return [await unauthorised(facts, endpoint, credential)]
}

/** Tells apart why a credential that should be right is not taken. */
async function unauthorised(
  facts: Facts,
  endpoint: TurnEndpoint,
  { username }: Credential,
): Promise<Finding> {
  const at = { at: endpoint.label }
  const { issuer, subject } = facts
  if (issuer === 'user') return finding('user-refused', {}, at)
  const expires = Number(/^\d+/.exec(username)?.[0])
  if (issuer === 'homeserver' && expires * 1000 < Date.now()) return finding('refused-expired', {}, at)
  if (issuer === 'secret' && subject.secret) {
    const form = await takenForm(endpoint, subject.secret)
    if (form) return finding('secret-form-here', { form }, at)
    return finding('secret-refused', {}, at)
  }
  if (issuer === 'config' || facts.isSecretRight) return finding('not-reloaded', {}, at)
  return finding('credential-refused', {}, at)
}

/** Tries the forms in which the relay may have got the secret, a few at a time; it is not asked for ever. */
async function takenForm(
  endpoint: TurnEndpoint,
  { value, raw }: { value: string; raw: string },
): Promise<SecretForm | undefined> {
  const forms = mangled({ value }).filter(([form]) => form !== 'path')
  if (raw !== value) forms.unshift(['space', Buffer.from(raw)])
  const until = performance.now() + 10_000
  for (const [form, octets] of forms) {
    if (performance.now() > until) return undefined
    const credential = credentialOf(octets, 600, form === 'sha256' ? 'sha256' : 'sha1')
    if ((await allocate(endpoint, credential)).kind === 'allocated') return form
  }
  return undefined
}
