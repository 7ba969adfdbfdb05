import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { succeeded } from '../../base/result.ts'
import { type ConfigFault, configFault, notAccepted, type Parsed } from '../fault.ts'
import { closing, isWorldReadable, quoted, readNamed } from '../find.ts'
import type { TlsFiles } from '../settings.ts'

/** What was found about a certificate and its key. */
export interface TlsFindings {
  readonly certificate: ConfigFault | undefined
  readonly key: ConfigFault | undefined
  readonly warnings: readonly ConfigFault[]
}

/** Reads both files and checks that they belong together and that TLS can use them. */
export function checkTls(files: TlsFiles, now: Date): TlsFindings {
  const certificate = readCertificate(files.certificate)
  const key = readKey(files.key)
  if (!certificate.ok || !key.ok) {
    return {
      certificate: certificate.ok ? undefined : certificate.error,
      key: key.ok ? undefined : key.error,
      warnings: [],
    }
  }
  if (!certificate.value.leaf.checkPrivateKey(key.value))
    return {
      certificate: undefined,
      key: configFault('key-mismatch', { certificate: files.certificate, key: files.key }),
      warnings: [],
    }
  return { certificate: undefined, key: undefined, warnings: [...doubts(files, certificate.value, now)] }
}

interface Chain {
  readonly leaf: X509Certificate
  readonly count: number
}

function readCertificate(file: string): Parsed<Chain> {
  const pem = readNamed(file)
  if (!pem.ok) return pem
  const count = pem.value.match(/-----BEGIN (TRUSTED )?CERTIFICATE-----/g)?.length ?? 0
  if (count === 0)
    return notAccepted(pem.value.includes('PRIVATE KEY-----') ? 'certificate-is-key' : 'certificate-form', {
      file,
    })
  try {
    return succeeded({ leaf: new X509Certificate(pem.value), count })
  } catch {
    return notAccepted('certificate-form', { file })
  }
}

function readKey(file: string): Parsed<KeyObject> {
  const pem = readNamed(file)
  if (!pem.ok) return pem
  if (!pem.value.includes('PRIVATE KEY-----')) {
    return notAccepted(pem.value.includes('CERTIFICATE-----') ? 'key-is-certificate' : 'key-form', { file })
  }
  if (pem.value.includes('ENCRYPTED')) return notAccepted('key-encrypted', { file: quoted(file) })
  try {
    return succeeded(createPrivateKey(pem.value))
  } catch {
    return notAccepted('key-form', { file })
  }
}

function* doubts(files: TlsFiles, { leaf, count }: Chain, now: Date): Generator<ConfigFault> {
  const until = new Date(leaf.validTo)
  if (until < now) yield configFault('certificate-expired', { file: files.certificate, date: until })
  const from = new Date(leaf.validFrom)
  if (from > now) yield configFault('certificate-early', { file: files.certificate, date: from })
  if (count === 1 && leaf.issuer !== leaf.subject)
    yield configFault('certificate-chain', { file: files.certificate })
  if (isWorldReadable(files.key))
    yield configFault('key-world', { file: quoted(files.key), command: closing(files.key) })
}
