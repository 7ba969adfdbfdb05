import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'

/** A key and a certificate for it, PEM. */
export interface KeyPair {
  readonly key: string
  readonly certificate: string
}

const INTEGER = 0x02
const BIT_STRING = 0x03
const OCTET_STRING = 0x04
const OBJECT = 0x06
const UTF8 = 0x0c
const SEQUENCE = 0x30
const SET = 0x31
const UTC_TIME = 0x17
const CONTEXT = 0xa0
/** iPAddress in a SubjectAltName (RFC 5280 §4.2.1.6). */
const IP_ADDRESS = 0x87

const ECDSA_WITH_SHA256 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]
const COMMON_NAME = [0x55, 0x04, 0x03]
const SUBJECT_ALT_NAME = [0x55, 0x1d, 0x11]

const DAY = 86_400_000

/** Makes a certificate for an IPv4 address that signs itself, good for a week: enough for a bench on loopback. */
export function selfSigned(ip: Uint8Array, now: number): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const algorithm = tlv(SEQUENCE, tlv(OBJECT, Buffer.from(ECDSA_WITH_SHA256)))
  const name = tlv(
    SEQUENCE,
    tlv(SET, tlv(SEQUENCE, tlv(OBJECT, Buffer.from(COMMON_NAME)), tlv(UTF8, Buffer.from('taciturn bench')))),
  )
  const names = tlv(SEQUENCE, tlv(IP_ADDRESS, Buffer.from(ip)))
  const extension = tlv(SEQUENCE, tlv(OBJECT, Buffer.from(SUBJECT_ALT_NAME)), tlv(OCTET_STRING, names))
  const serial = randomBytes(8)
  serial[0] = (serial[0]! & 0x7f) | 0x40
  const body = tlv(
    SEQUENCE,
    tlv(CONTEXT, tlv(INTEGER, Buffer.from([2]))),
    tlv(INTEGER, serial),
    algorithm,
    name,
    tlv(SEQUENCE, utcTime(now - DAY), utcTime(now + 7 * DAY)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    tlv(CONTEXT | 3, tlv(SEQUENCE, extension)),
  )
  const signature = sign('sha256', body, privateKey)
  const der = tlv(SEQUENCE, body, algorithm, tlv(BIT_STRING, Buffer.from([0]), signature))
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    certificate: `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`,
  }
}

/** A value with its tag and length, in DER. */
function tlv(tag: number, ...parts: readonly Buffer[]): Buffer {
  const value = Buffer.concat(parts)
  const length =
    value.length < 128
      ? [value.length]
      : value.length < 256
        ? [0x81, value.length]
        : [0x82, value.length >> 8, value.length & 255]
  return Buffer.concat([Buffer.from([tag, ...length]), value])
}

function utcTime(at: number): Buffer {
  const text = new Date(at).toISOString()
  return tlv(UTC_TIME, Buffer.from(`${text.slice(2, 19).replace(/[-T:]/g, '')}Z`))
}
