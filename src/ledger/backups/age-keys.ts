import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { bech32Of, octetsOfBech32 } from '../../base/encoding/bech32.ts'
import { failed, type Result, succeeded } from '../../base/result.ts'

/* Keys of age (https://age-encryption.org/v1), as `age-keygen` writes them: X25519 in Bech32 (BIP 173). */

const RECIPIENT = 'age'
const IDENTITY = 'age-secret-key-'
/** Octets of a key of X25519. */
const KEY = 32
/** What stands before the octets of a key in DER: PKCS #8, and SubjectPublicKeyInfo (RFC 8410). */
const PRIVATE = Buffer.from('302e020100300506032b656e04220420', 'hex')
const PUBLIC = Buffer.from('302a300506032b656e032100', 'hex')

/** Reads `age1…`: what is encrypted for it, only the identity opens. */
export function readRecipient(text: string): Result<Buffer, 'no-recipient'> {
  const octets = keyIn(text, RECIPIENT)
  return octets ? succeeded(octets) : failed('no-recipient')
}

/** Reads the identities of a file of `age-keygen`: a line each, between empty lines and comments. */
export function readIdentities(text: string): Result<KeyObject[], 'no-identity'> {
  const lines = text.split(/\r?\n/).map(line => line.trim())
  const keys = lines
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => keyIn(line.toLowerCase(), IDENTITY))
  if (keys.length === 0 || keys.includes(undefined)) return failed('no-identity')
  return succeeded(keys.map(key => x25519Private(key!)))
}

/** Makes a pair of keys: `age1…`, and `AGE-SECRET-KEY-1…`. */
export function freshKeys(): { readonly recipient: string; readonly identity: string } {
  const { privateKey, publicKey } = generateKeyPairSync('x25519')
  const secret = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(PRIVATE.length)
  return {
    recipient: bech32Of(RECIPIENT, rawPublic(publicKey)),
    identity: bech32Of(IDENTITY, secret).toUpperCase(),
  }
}

export function x25519Private(octets: Buffer): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PRIVATE, octets]), format: 'der', type: 'pkcs8' })
}

export function x25519Public(octets: Buffer): KeyObject {
  return createPublicKey({ key: Buffer.concat([PUBLIC, octets]), format: 'der', type: 'spki' })
}

/** The octets of a public key, or of that which belongs to a private one. */
export function rawPublic(key: KeyObject): Buffer {
  const its = key.type === 'private' ? createPublicKey(key) : key
  return its.export({ format: 'der', type: 'spki' }).subarray(PUBLIC.length)
}

function keyIn(text: string, prefix: string): Buffer | undefined {
  const octets = octetsOfBech32(prefix, text)
  return octets?.length === KEY ? Buffer.from(octets) : undefined
}
