import { extension, GeneralName, Oid, sequence, tlv } from '../base/der.ts'
import { type KeyPair, selfSigned } from '../system/self-signed.ts'

/** Makes a certificate for an IPv4 address that signs itself: enough for a bench on loopback. */
export function benchCertificate(ip: Uint8Array, now: number): KeyPair {
  const names = sequence(tlv(GeneralName.ip, ip))
  return selfSigned('taciturn bench', [extension(Oid.subjectAltName, names)], now)
}
