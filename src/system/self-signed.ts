import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { integer, Oid, objectId, pem, sequence, signed, Tag, tlv, utcTime } from '../base/der.ts'

/** A key and a certificate for it, PEM. */
export interface KeyPair {
  readonly key: string
  readonly certificate: string
}

const DAY = 86_400_000

/**
 * Makes a key on P-256 and a certificate that it signs itself, from a day before `now` to a week after it.
 * `extensions` are those of `base/der.ts`.
 */
export function selfSigned(commonName: string, extensions: readonly Buffer[], now: number): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const name = sequence(
    tlv(Tag.set, sequence(objectId(Oid.commonName), tlv(Tag.utf8, Buffer.from(commonName)))),
  )
  const serial = randomBytes(8)
  serial[0] = (serial[0]! & 0x7f) | 0x40
  const body = sequence(
    tlv(Tag.context, integer(2)),
    tlv(Tag.integer, serial),
    sequence(objectId(Oid.ecdsaWithSha256)),
    name,
    sequence(utcTime(now - DAY), utcTime(now + 7 * DAY)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    tlv(Tag.context | 3, sequence(...extensions)),
  )
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    certificate: pem('CERTIFICATE', signed(body, sign('sha256', body, privateKey))),
  }
}
