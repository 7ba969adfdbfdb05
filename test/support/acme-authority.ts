import {
  createHash,
  createPublicKey,
  type JsonWebKey,
  type KeyObject,
  randomBytes,
  verify,
  X509Certificate,
} from 'node:crypto'
import type { Exchanged, exchange } from '../../src/http/exchange.ts'
import { type CertificateOptions, makeCertificate } from '../unit/net/certificate.ts'

const AT = 'https://ca.test'
const DAY = 86_400_000

/** A request as the authority has read it, once its signature was found to be good. */
interface Signed {
  readonly key: KeyObject
  readonly thumbprint: string
  readonly payload: Readonly<Record<string, unknown>> | undefined
}

/**
 * A certificate authority in memory that speaks ACME, checks what is signed and
 * how, and looks at challenges as the test says. Pebble is the real one, see
 * `test/interop/acme.test.ts`; this one has a clock that the test moves, and faults.
 */
export class TestAuthority {
  readonly directory = `${AT}/directory`
  /** Looks at a challenge; a problem is what it does not like. Replaced by tests. */
  look: (challenge: { type: string; token: string; answer: string; name: string }) => object | undefined =
    () => undefined
  /** Answers that come instead of the real ones, by what is asked for; each is used once. */
  readonly instead: { path: string; status: number; problem: object; retryAfter?: string }[] = []
  /** Makes the certificate. Replaced by tests. */
  certify: (wanted: CertificateOptions) => string = wanted => makeCertificate(wanted).certificate
  /** Members that take the place of those of every order, and of every authorization. */
  ofOrder: object = {}
  ofAuthorization: object = {}
  /** Looks at an order after which it has noticed that all its authorizations are valid. */
  readyAfter = 0
  /** Comes with every answer. */
  retryAfter: string | undefined
  /** Requests so far, by path. */
  readonly asked: string[] = []
  /** Names of each certificate that was made. */
  readonly made: string[][] = []
  lifetime = 90 * DAY
  now: () => number
  #nonces = new Set<string>()
  #accounts = new Map<string, KeyObject>()
  #orders: { names: string[]; states: string[]; status: string; looks: number; key?: KeyObject }[] = []

  constructor(now: () => number) {
    this.now = now
  }

  readonly exchange: typeof exchange = async ({ url, body }) => {
    const path = url.pathname
    this.asked.push(path)
    const index = this.instead.findIndex(one => one.path === path)
    if (index >= 0) {
      const [{ status, problem, retryAfter }] = this.instead.splice(index, 1) as [(typeof this.instead)[0]]
      return this.#answer(status, problem, retryAfter === undefined ? {} : { 'retry-after': retryAfter })
    }
    if (path === '/directory') {
      const place = (name: string) => `${AT}/${name}`
      return this.#answer(200, {
        newNonce: place('nonce'),
        newAccount: place('account'),
        newOrder: place('order'),
      })
    }
    if (path === '/nonce') return this.#answer(204)
    const signed = this.#read(url.href, body ?? '')
    return 'kind' in signed ? signed : this.#serve(path, signed)
  }

  #serve(path: string, { key, thumbprint, payload }: Signed): Exchanged {
    const [, what, at = '', name = '', type = ''] = path.split('/')
    const order = this.#orders[Number(at)]
    switch (what) {
      case 'account':
        this.#accounts.set(`${AT}/account/${thumbprint}`, key)
        return this.#answer(201, { status: 'valid' }, { location: `${AT}/account/${thumbprint}` })
      case 'order': {
        const names = (payload!.identifiers as { value: string }[]).map(one => one.value)
        const id =
          this.#orders.push({ names, states: names.map(() => 'pending'), status: 'pending', looks: 0 }) - 1
        return this.#answer(201, this.#order(id), { location: `${AT}/orders/${id}` })
      }
      case 'orders':
        if (order!.status === 'pending' && order!.states.every(state => state === 'valid'))
          if (order!.looks++ >= this.readyAfter) order!.status = 'ready'
        return this.#answer(200, this.#order(Number(at)))
      case 'authorizations':
        return this.#answer(200, this.#authorization(Number(at), Number(name)))
      case 'challenges': {
        const index = Number(name)
        const token = tokenOf(Number(at), index)
        const answer = `${token}.${thumbprint}`
        const problem = this.look({ type, token, answer, name: order!.names[index]! })
        order!.states[index] = problem ? JSON.stringify(problem) : 'valid'
        return this.#answer(200, { status: 'processing' })
      }
      case 'finalize': {
        if (order!.status !== 'ready') return this.#answer(403, { type: 'orderNotReady' })
        const csr = Buffer.from(String(payload?.csr), 'base64url')
        if (!order!.names.every(one => csr.includes(one))) return this.#answer(400, { type: 'badCSR' })
        order!.status = 'valid'
        order!.key = keyIn(csr)
        this.made.push(order!.names)
        return this.#answer(200, this.#order(Number(at)))
      }
      default: {
        const validFrom = new Date(this.now())
        const validTo = new Date(this.now() + this.lifetime)
        const [name = '', ...others] = order!.names
        return this.#answer(200, this.certify({ name, others, validFrom, validTo, publicKey: order!.key! }))
      }
    }
  }

  #order(id: number): object {
    const { names, status } = this.#orders[id]!
    return {
      status,
      authorizations: names.map((_, index) => `${AT}/authorizations/${id}/${index}`),
      finalize: `${AT}/finalize/${id}`,
      ...(status === 'valid' && { certificate: `${AT}/certificates/${id}` }),
      ...this.ofOrder,
    }
  }

  #authorization(id: number, index: number): object {
    const { names, states } = this.#orders[id]!
    const state = states[index]!
    const isInvalid = state.startsWith('{')
    const challenges = ['dns-01', 'http-01', 'tls-alpn-01'].map(type => ({
      type,
      token: tokenOf(id, index),
      url: `${AT}/challenges/${id}/${index}/${type}`,
      ...(isInvalid && { error: JSON.parse(state) as object }),
    }))
    return {
      status: isInvalid ? 'invalid' : state,
      identifier: { type: 'dns', value: names[index] },
      challenges,
      ...this.ofAuthorization,
    }
  }

  /** Checks a request as RFC 8555 §6 wants it, or answers what is wrong with it. */
  #read(url: string, body: string): Signed | Exchanged {
    const jws = JSON.parse(body) as Record<'protected' | 'payload' | 'signature', string>
    const header = JSON.parse(Buffer.from(jws.protected, 'base64url').toString()) as {
      alg: string
      nonce: string
      url: string
      jwk?: JsonWebKey
      kid?: string
    }
    if (!this.#nonces.delete(header.nonce)) return this.#answer(400, { type: 'badNonce' })
    if (header.alg !== 'ES256' || header.url !== url) return this.#answer(401, { type: 'unauthorized' })
    const known = header.kid === undefined ? undefined : this.#accounts.get(header.kid)
    const key = header.jwk ? createPublicKey({ key: header.jwk, format: 'jwk' }) : known
    if (!key) return this.#answer(400, { type: 'accountDoesNotExist' })
    const text = Buffer.from(`${jws.protected}.${jws.payload}`)
    const signature = Buffer.from(jws.signature, 'base64url')
    if (!verify('sha256', text, { key, dsaEncoding: 'ieee-p1363' }, signature))
      return this.#answer(400, { type: 'malformed' })
    const { crv, kty, x, y } = key.export({ format: 'jwk' })
    const thumbprint = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')
    const payload =
      jws.payload === ''
        ? undefined
        : (JSON.parse(Buffer.from(jws.payload, 'base64url').toString()) as Record<string, unknown>)
    return { key, thumbprint, payload }
  }

  #answer(status: number, body?: object | string, headers: Record<string, string> = {}): Exchanged {
    const nonce = randomBytes(8).toString('hex')
    this.#nonces.add(nonce)
    const all: Record<string, string> = {
      'replay-nonce': nonce,
      ...(this.retryAfter !== undefined && { 'retry-after': this.retryAfter }),
      ...headers,
    }
    const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body)
    return { kind: 'answer', status, header: name => all[name], body: text }
  }
}

/** The key that a request is for: a SubjectPublicKeyInfo on P-256. */
function keyIn(csr: Buffer): KeyObject {
  const at = csr.indexOf(SPKI)
  return createPublicKey({ key: csr.subarray(at, at + 91), format: 'der', type: 'spki' })
}

const SPKI = Buffer.from('3059301306072a8648ce3d0201', 'hex')

function tokenOf(order: number, index: number): string {
  return `token-${order}-${index}`
}

/** What a certificate file of the relay holds. */
export function kept(text: string): { readonly leaf: X509Certificate; readonly key: string } {
  return { leaf: new X509Certificate(text), key: text.slice(0, text.indexOf('-----BEGIN CERTIFICATE')) }
}
