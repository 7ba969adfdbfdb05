import { createHash, createPublicKey, type KeyObject, sign, X509Certificate } from 'node:crypto'
import { extension, integer, namesExtension, Oid, objectId, sequence, signed, Tag, tlv } from '../base/der.ts'
import { type KeyPair, selfSigned } from '../system/self-signed.ts'

/** A request for a certificate for these names (PKCS #10, RFC 2986), DER, signed by their new key on P-256. */
export function signingRequest(names: readonly string[], key: KeyObject): Buffer {
  const wanted = sequence(objectId(Oid.extensionRequest), tlv(Tag.set, sequence(namesExtension(names))))
  const body = sequence(
    integer(0),
    // The subject is empty: authorities take the names from the extension.
    sequence(),
    createPublicKey(key).export({ type: 'spki', format: 'der' }),
    tlv(Tag.context, wanted),
  )
  return signed(body, sign('sha256', body, key))
}

/** The certificate by which a TLS server shows that it knows the answer to a challenge (RFC 8737 §3). */
export function challengeCertificate(name: string, answer: string, now: number): KeyPair {
  const digest = createHash('sha256').update(answer).digest()
  const proof = extension(Oid.acmeIdentifier, tlv(Tag.octetString, digest), true)
  return selfSigned('taciturn', [namesExtension([name]), proof], now)
}

/** Milliseconds by which the clocks of an authority and of this machine may differ. */
const CLOCKS = 60_000

/**
 * What is wrong with a certificate, PEM, that is to be for these names and this key; undefined
 * where it can be served. One that cannot would take the place of one that can.
 */
export function flawOf(
  pem: string,
  names: readonly string[],
  key: KeyObject,
  now: number,
): string | undefined {
  let leaf: X509Certificate
  try {
    leaf = new X509Certificate(pem)
  } catch {
    return 'no certificate'
  }
  if (!leaf.publicKey.equals(key)) return 'a certificate for another key'
  const other = names.find(name => leaf.checkHost(name) === undefined)
  if (other !== undefined) return `a certificate that is not for ${other}`
  const from = Date.parse(leaf.validFrom)
  // One that clients do not take yet would replace one that they do.
  if (!(from <= now + CLOCKS)) return `a certificate that begins on ${leaf.validFrom}`
  const until = Date.parse(leaf.validTo)
  if (!(until > now)) return `a certificate that ends on ${leaf.validTo}`
  return undefined
}
