import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { ConfigFault } from '../fault.ts'
import { isWorldReadable, quoted, readNamed } from '../find.ts'
import type { TlsFiles } from '../settings.ts'

/** What was found about a certificate and its key. */
export interface TlsFindings {
  readonly certificate?: ConfigFault
  readonly key?: ConfigFault
  readonly warnings: readonly ConfigFault[]
}

/** Reads both files and checks that they belong together and that TLS can use them. */
export function checkTls(files: TlsFiles, now: Date): TlsFindings {
  const certificate = readCertificate(files.certificate)
  const key = readKey(files.key)
  if (certificate instanceof ConfigFault || key instanceof ConfigFault) {
    return {
      ...(certificate instanceof ConfigFault && { certificate }),
      ...(key instanceof ConfigFault && { key }),
      warnings: [],
    }
  }
  if (!certificate.leaf.checkPrivateKey(key))
    return { key: new ConfigFault('key-mismatch', { ...files }), warnings: [] }
  return { warnings: [...doubts(files, certificate, now)] }
}

interface Chain {
  readonly leaf: X509Certificate
  readonly count: number
}

function readCertificate(file: string): Chain | ConfigFault {
  const pem = readNamed(file)
  if (pem instanceof ConfigFault) return pem
  const count = pem.match(/-----BEGIN (TRUSTED )?CERTIFICATE-----/g)?.length ?? 0
  if (count === 0)
    return new ConfigFault(pem.includes('PRIVATE KEY-----') ? 'certificate-is-key' : 'certificate-form', {
      file,
    })
  try {
    return { leaf: new X509Certificate(pem), count }
  } catch {
    return new ConfigFault('certificate-form', { file })
  }
}

function readKey(file: string): KeyObject | ConfigFault {
  const pem = readNamed(file)
  if (pem instanceof ConfigFault) return pem
  if (!pem.includes('PRIVATE KEY-----')) {
    return new ConfigFault(pem.includes('CERTIFICATE-----') ? 'key-is-certificate' : 'key-form', { file })
  }
  if (pem.includes('ENCRYPTED')) return new ConfigFault('key-encrypted', { file: quoted(file) })
  try {
    return createPrivateKey(pem)
  } catch {
    return new ConfigFault('key-form', { file })
  }
}

function* doubts(files: TlsFiles, { leaf, count }: Chain, now: Date): Generator<ConfigFault> {
  const until = new Date(leaf.validTo)
  if (until < now) yield new ConfigFault('certificate-expired', { file: files.certificate, date: day(until) })
  const from = new Date(leaf.validFrom)
  if (from > now) yield new ConfigFault('certificate-early', { file: files.certificate, date: day(from) })
  if (count === 1 && leaf.issuer !== leaf.subject)
    yield new ConfigFault('certificate-chain', { file: files.certificate })
  if (isWorldReadable(files.key)) yield new ConfigFault('key-world', { file: quoted(files.key) })
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10)
}
