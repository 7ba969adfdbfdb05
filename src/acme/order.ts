import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import type { AcmeChallenge } from '../net/stream/tls/acme-door.ts'
import type { Answer, CertificateAuthority } from './authority.ts'
import { challengeCertificate, flawOf, signingRequest } from './certificates.ts'
import { AcmeError, type ProofWay, problemOf, unproved } from './fault.ts'
import { keyAuthorization } from './jws.ts'

export interface OrderParts {
  readonly authority: CertificateAuthority
  /** The key of the account. */
  readonly account: KeyObject
  readonly names: readonly string[]
  readonly email: string | undefined
  /** How to show that the names are ours. */
  readonly way: ProofWay
  /** Answers these challenges from now on, and no other. */
  readonly prove: (challenges: readonly AcmeChallenge[]) => void
  /** Resolves after milliseconds; rejects where nothing more is expected. */
  readonly wait: (ms: number) => Promise<void>
  readonly now: () => number
}

/** Seconds between two looks at something that the authority works on, unless it says otherwise, and at most. */
const LOOK = { usual: 1, longest: 30 }
/** After so many looks nothing more is expected. */
const LOOKS = 60
/** Authorizations that an order may have at most, beside one for each name. */
const MOST_MORE = 10
/** What a token is made of (RFC 8555 §8), since it becomes a part of what we answer. */
const TOKEN = /^[\w-]{1,256}$/

/** An authorization that is wanted: a name, and the challenge that shows that it is ours. */
interface Wanted {
  readonly url: string
  readonly name: string
  readonly challenge: string
  readonly token: string
}

/**
 * Has a certificate made (RFC 8555 §7.4) for a new key. Returns both, PEM, the
 * key first and the chain behind it. Throws an `AcmeError`.
 */
export async function orderCertificate(parts: OrderParts): Promise<string> {
  const { authority, names, prove } = parts
  await authority.enter(parts.email)
  const order = await authority.newOrder(names)
  const at = textOf('location', order.header('location'), authority)
  const wanted = await missing(order, parts)
  try {
    prove(wanted.map(one => challengeOf(one, parts)))
    for (const { challenge } of wanted) await authority.post(challenge, {})
    for (const one of wanted) await proved(one, parts)
  } finally {
    prove([])
  }
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  // The order follows its authorizations, and not always at once (RFC 8555 §7.4: 403 before it is ready).
  const ready = await settled(at, parts, ['ready', 'processing', 'valid', 'invalid'])
  if (ready.value.status === 'invalid') throw refusedOrder(ready, authority)
  if (ready.value.status !== 'ready') throw authority.strange('an order that is over before it was finished')
  const finalize = textOf('finalize', order.value.finalize, authority)
  await authority.post(finalize, { csr: signingRequest(names, privateKey).toString('base64url') })
  const done = await settled(at, parts, ['valid', 'invalid'])
  if (done.value.status !== 'valid') throw refusedOrder(done, authority)
  const chain = await authority.read(textOf('certificate', done.value.certificate, authority))
  const flaw = flawOf(chain.body, names, publicKey, parts.now())
  if (flaw !== undefined) throw authority.strange(flaw)
  return `${privateKey.export({ type: 'pkcs8', format: 'pem' })}${chain.body}`
}

function refusedOrder({ value }: Answer, { name }: CertificateAuthority): AcmeError {
  const { type, detail } = problemOf(value.error)
  return new AcmeError({ key: 'acme.refused', values: { authority: name, detail: detail || type } })
}

/** The authorizations that are not there yet. */
async function missing(order: Answer, { authority, names, way }: OrderParts): Promise<Wanted[]> {
  const urls = order.value.authorizations
  if (!Array.isArray(urls)) throw authority.strange('no authorizations')
  if (urls.length > names.length + MOST_MORE) throw authority.strange(`${urls.length} authorizations`)
  const wanted: Wanted[] = []
  for (const url of urls) {
    if (typeof url !== 'string') throw authority.strange('no authorizations')
    const { value } = await authority.read(url)
    if (value.status === 'valid') continue
    const asked = (value.identifier as { value?: unknown } | undefined)?.value
    // Nothing is shown for a name that we have not asked for.
    const name = names.find(one => one.toLowerCase() === String(asked).toLowerCase())
    if (name === undefined) throw authority.strange('an authorization for another name')
    const offered = Array.isArray(value.challenges) ? (value.challenges as Record<string, unknown>[]) : []
    const found = offered.find(one => one?.type === way)
    if (typeof found?.url !== 'string' || typeof found.token !== 'string' || !TOKEN.test(found.token))
      throw authority.strange(`no ${way}`)
    wanted.push({ url, name: name.toLowerCase(), challenge: found.url, token: found.token })
  }
  return wanted
}

function challengeOf({ name, token }: Wanted, { account, way, now }: OrderParts): AcmeChallenge {
  const answer = keyAuthorization(token, account)
  if (way === 'http-01') return { kind: way, token, answer }
  return { kind: way, name, ...challengeCertificate(name, answer, now()) }
}

/** Waits until the authority believes that a name is ours, or throws what it says against that. */
async function proved({ url, name }: Wanted, parts: OrderParts): Promise<void> {
  const { value } = await settled(url, parts, ['valid', 'invalid', 'deactivated', 'expired', 'revoked'])
  if (value.status === 'valid') return
  const challenges = Array.isArray(value.challenges) ? (value.challenges as Record<string, unknown>[]) : []
  const error = challenges.find(one => one?.error !== undefined)?.error
  throw new AcmeError(unproved(problemOf(error), name, parts.way, parts.authority.name))
}

/** Looks at something until it has one of these states. */
async function settled(
  url: string,
  { authority, wait }: OrderParts,
  states: readonly string[],
): Promise<Answer> {
  for (let left = LOOKS; left > 0; left--) {
    const answer = await authority.read(url)
    if (states.includes(String(answer.value.status))) return answer
    const asked = Number(answer.header('retry-after'))
    await wait(Math.min(asked > 0 ? asked : LOOK.usual, LOOK.longest) * 1000)
  }
  throw new AcmeError({ key: 'acme.slow', values: { authority: authority.name } })
}

function textOf(what: string, value: unknown, authority: CertificateAuthority): string {
  if (typeof value === 'string') return value
  throw authority.strange(`no ${what}`)
}
