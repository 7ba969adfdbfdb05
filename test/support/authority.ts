import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { parseIp } from '../../src/base/address.ts'

/** PEM texts. */
export interface Issued {
  /** The certificate, and the intermediate one unless it was to be left out. */
  readonly certificate: string
  readonly key: string
}

export interface IssueOptions {
  readonly names?: readonly string[]
  readonly ips?: readonly string[]
  readonly validFrom?: Date
  readonly validTo?: Date
  /** Leaves out the intermediate certificate, as `cert.pem` does where `fullchain.pem` is meant. */
  readonly withoutChain?: boolean
}

/** A certification authority of its own: a root, an intermediate, and what that signs. */
export interface Authority {
  /** PEM of the root, for NODE_EXTRA_CA_CERTS. */
  readonly root: string
  issue(options?: IssueOptions): Issued
}

const DAY = 86_400_000

/** Makes an authority that nobody knows unless told, so that tests need no tool for it. */
export function makeAuthority(): Authority {
  const root = party('Test Root')
  const middle = party('Test Intermediate')
  const rootPem = pem('CERTIFICATE', certify(root, root, { isAuthority: true }))
  const middlePem = pem('CERTIFICATE', certify(middle, root, { isAuthority: true }))
  return {
    root: rootPem,
    issue(options = {}) {
      const leaf = party(options.names?.[0] ?? 'test')
      const own = pem('CERTIFICATE', certify(leaf, middle, { ...options, isAuthority: false }))
      const key = leaf.key.export({ type: 'pkcs8', format: 'pem' }) as string
      return { certificate: options.withoutChain ? own : own + middlePem, key }
    },
  }
}

interface Party {
  readonly name: Buffer
  readonly key: KeyObject
  readonly publicKey: KeyObject
}

function party(name: string): Party {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const attribute = sequence(oid([0x55, 4, 3]), tlv(0x0c, Buffer.from(name)))
  return { name: sequence(tlv(0x31, attribute)), key: privateKey, publicKey }
}

function certify(
  subject: Party,
  issuer: Party,
  options: IssueOptions & { readonly isAuthority: boolean },
): Buffer {
  const validFrom = options.validFrom ?? new Date(Date.now() - DAY)
  const validTo = options.validTo ?? new Date(Date.now() + 90 * DAY)
  const names = [
    ...(options.names ?? []).map(name => tlv(0x82, Buffer.from(name))),
    ...(options.ips ?? []).map(ip => tlv(0x87, Buffer.from(parseIp(ip)!))),
  ]
  const extensions = [
    extension(19, true, sequence(...(options.isAuthority ? [tlv(1, Buffer.of(0xff))] : []))),
    ...(names.length > 0 ? [extension(17, false, sequence(...names))] : []),
  ]
  const body = sequence(
    tlv(0xa0, tlv(2, Buffer.of(2))),
    tlv(2, Buffer.concat([Buffer.of(1), randomBytes(8)])),
    ECDSA_SHA256,
    issuer.name,
    sequence(time(validFrom), time(validTo)),
    subject.name,
    subject.publicKey.export({ type: 'spki', format: 'der' }),
    tlv(0xa3, sequence(...extensions)),
  )
  const signature = Buffer.concat([Buffer.of(0), sign('sha256', body, issuer.key)])
  return sequence(body, ECDSA_SHA256, tlv(3, signature))
}

function extension(number: number, critical: boolean, value: Buffer): Buffer {
  return sequence(oid([0x55, 29, number]), ...(critical ? [tlv(1, Buffer.of(0xff))] : []), tlv(4, value))
}

function sequence(...parts: Buffer[]): Buffer {
  return tlv(0x30, ...parts)
}

function oid(octets: readonly number[]): Buffer {
  return tlv(6, Buffer.from(octets))
}

function time(date: Date): Buffer {
  return tlv(0x18, Buffer.from(`${date.toISOString().replaceAll(/[-:T]|\.\d+/g, '')}`))
}

/** A DER element: tag, length, what is in it. */
function tlv(tag: number, ...parts: Buffer[]): Buffer {
  const value = Buffer.concat(parts)
  const { length } = value
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...size]), value])
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g)!
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}

const ECDSA_SHA256 = sequence(oid([0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]))
