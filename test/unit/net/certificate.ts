import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { address, parseIp } from '../../../src/base/address.ts'

/** A key pair and a certificate of its own signing, both PEM. */
export interface TestCertificate {
  readonly certificate: string
  readonly key: string
}

export interface CertificateOptions {
  readonly name?: string
  /** More names that it is for. */
  readonly others?: readonly string[]
  readonly kind?: 'rsa' | 'ec'
  readonly validFrom?: Date
  readonly validTo?: Date
  /** Sign for the key of another pair, so that key and certificate do not match. */
  readonly keyOf?: TestCertificate
  /** For this key instead of a new one; then `key` is that of the issuer. */
  readonly publicKey?: KeyObject
}

/** Makes a certificate for a name and for loopback, so that tests need no tool for it. */
export function makeCertificate(options: CertificateOptions = {}): TestCertificate {
  const { name = 'turn.test', kind = 'ec' } = options
  const { privateKey, publicKey } =
    kind === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const algorithm = kind === 'rsa' ? sequence(oid(RSA_SHA256), tlv(0x05)) : sequence(oid(ECDSA_SHA256))
  const subject = sequence(tlv(0x31, sequence(oid(COMMON_NAME), tlv(0x0c, Buffer.from(name)))))
  const day = 86_400_000
  const body = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    tlv(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    subject,
    sequence(
      time(options.validFrom ?? new Date(Date.now() - day)),
      time(options.validTo ?? new Date(Date.now() + 90 * day)),
    ),
    subject,
    (options.publicKey ?? publicKey).export({ type: 'spki', format: 'der' }),
    tlv(0xa3, sequence(sequence(oid(SUBJECT_ALT_NAME), tlv(0x04, alternativeNames(name, options.others))))),
  )
  const signature = Buffer.concat([Buffer.from([0]), sign('sha256', body, privateKey)])
  return {
    certificate: pem('CERTIFICATE', sequence(body, algorithm, tlv(0x03, signature))),
    key: options.keyOf?.key ?? exportKey(privateKey),
  }
}

function exportKey(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }) as string
}

function alternativeNames(name: string, others: readonly string[] = []): Buffer {
  const names = [name, ...others].map(one => tlv(0x82, Buffer.from(one)))
  const ip = (text: string): Buffer => tlv(0x87, Buffer.from(address(parseIp(text)!, 0).ip))
  return sequence(...names, ip('127.0.0.1'), ip('::1'))
}

function sequence(...parts: Buffer[]): Buffer {
  return tlv(0x30, ...parts)
}

/** Writes tag, length and value as DER wants them. */
function tlv(tag: number, ...parts: Buffer[]): Buffer {
  const value = Buffer.concat(parts)
  const length =
    value.length < 0x80
      ? Buffer.from([value.length])
      : value.length < 0x100
        ? Buffer.from([0x81, value.length])
        : Buffer.from([0x82, value.length >> 8, value.length & 255])
  return Buffer.concat([Buffer.from([tag]), length, value])
}

function oid(hex: string): Buffer {
  return tlv(0x06, Buffer.from(hex, 'hex'))
}

function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/[-:T]|\.\d+/g, '')
  return tlv(0x18, Buffer.from(digits))
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').replace(/.{64}/g, '$&\n')
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`
}

const RSA_SHA256 = '2a864886f70d01010b'
const ECDSA_SHA256 = '2a8648ce3d040302'
const COMMON_NAME = '550403'
const SUBJECT_ALT_NAME = '551d11'
