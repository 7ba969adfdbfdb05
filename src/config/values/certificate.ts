import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { Fault } from '../fault.ts'
import { isWorldReadable, quoted, readNamed } from '../find.ts'
import type { TlsFiles } from '../settings.ts'

/** What was found about a certificate and its key. */
export interface TlsFindings {
  readonly certificate?: Fault
  readonly key?: Fault
  readonly warnings: readonly Fault[]
}

/** Reads both files and checks that they belong together and that TLS can use them. */
export function checkTls(files: TlsFiles, now: Date): TlsFindings {
  const certificate = readCertificate(files.certificate)
  const key = readKey(files.key)
  if (certificate instanceof Fault || key instanceof Fault) {
    return {
      ...(certificate instanceof Fault && { certificate }),
      ...(key instanceof Fault && { key }),
      warnings: [],
    }
  }
  if (!certificate.leaf.checkPrivateKey(key))
    return { key: new Fault('key-mismatch', { ...files }), warnings: [] }
  return { warnings: [...doubts(files, certificate, now)] }
}

interface Chain {
  readonly leaf: X509Certificate
  readonly count: number
}

function readCertificate(file: string): Chain | Fault {
  const pem = readNamed(file)
  if (pem instanceof Fault) return pem
  const count = pem.match(/-----BEGIN (TRUSTED )?CERTIFICATE-----/g)?.length ?? 0
  if (count === 0)
    return new Fault(pem.includes('PRIVATE KEY-----') ? 'certificate-is-key' : 'certificate-form', { file })
  try {
    return { leaf: new X509Certificate(pem), count }
  } catch {
    return new Fault('certificate-form', { file })
  }
}

function readKey(file: string): KeyObject | Fault {
  const pem = readNamed(file)
  if (pem instanceof Fault) return pem
  if (!pem.includes('PRIVATE KEY-----')) {
    return new Fault(pem.includes('CERTIFICATE-----') ? 'key-is-certificate' : 'key-form', { file })
  }
  if (pem.includes('ENCRYPTED')) return new Fault('key-encrypted', { file: quoted(file) })
  try {
    return createPrivateKey(pem)
  } catch {
    return new Fault('key-form', { file })
  }
}

function* doubts(files: TlsFiles, { leaf, count }: Chain, now: Date): Generator<Fault> {
  const until = new Date(leaf.validTo)
  if (until < now) yield new Fault('certificate-expired', { file: files.certificate, date: day(until) })
  const from = new Date(leaf.validFrom)
  if (from > now) yield new Fault('certificate-early', { file: files.certificate, date: day(from) })
  if (count === 1 && leaf.issuer !== leaf.subject)
    yield new Fault('certificate-chain', { file: files.certificate })
  if (isWorldReadable(files.key)) yield new Fault('key-world', { file: quoted(files.key) })
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10)
}
