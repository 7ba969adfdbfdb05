import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'

/** What goes into the protected header beside the algorithm (RFC 8555 §6.2). */
export interface JwsHeader {
  readonly nonce: string
  readonly url: string
  /** The URL of the account; absent while it has none, then the key itself is sent. */
  readonly account?: string | undefined
}

/** Makes a key for an account. */
export function newAccountKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
}

/** Signs a request by ES256. `payload` is an object, or nothing for a request that only reads (POST-as-GET). */
export function signRequest(
  key: KeyObject,
  { nonce, url, account }: JwsHeader,
  payload?: Readonly<Record<string, unknown>>,
): string {
  const whose = account === undefined ? { jwk: publicJwk(key) } : { kid: account }
  const header = encoded({ alg: 'ES256', nonce, url, ...whose })
  const body = payload === undefined ? '' : encoded(payload)
  const signature = sign('sha256', Buffer.from(`${header}.${body}`), { key, dsaEncoding: 'ieee-p1363' })
  return JSON.stringify({ protected: header, payload: body, signature: signature.toString('base64url') })
}

/** What a challenge is answered with: its token, bound to the key of the account (RFC 8555 §8.1). */
export function keyAuthorization(token: string, key: KeyObject): string {
  const print = createHash('sha256')
    .update(JSON.stringify(publicJwk(key)))
    .digest('base64url')
  return `${token}.${print}`
}

/** The members that a thumbprint is made of, in its order (RFC 7638 §3.2). */
function publicJwk(key: KeyObject): Readonly<Record<'crv' | 'kty' | 'x' | 'y', string>> {
  const { crv = '', kty = '', x = '', y = '' } = createPublicKey(key).export({ format: 'jwk' })
  return { crv, kty, x, y }
}

function encoded(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
