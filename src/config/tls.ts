import { join } from 'node:path'
import { expandPath } from './find.ts'
import type { ConfigReport } from './messages/report.ts'
import type { Place } from './place.ts'
import type { Written } from './schema/schema.ts'
import type { TlsFiles } from './settings.ts'
import { parseCertificateName } from './values/acme.ts'
import { checkTls } from './values/certificate.ts'

type WrittenTls = NonNullable<Written['tls']>

/** Where the certificate is read from: files that others keep, or the one in the state folder that ACME keeps. */
export function readCertificateFiles(
  written: WrittenTls,
  realm: string,
  place: Place,
  report: ConfigReport,
): TlsFiles {
  if (written.acme) return readAcme(written, written.acme, realm, place, report)
  const nowhere = { certificate: '', key: '' }
  const { certificate: certificatePath, key: keyPath } = written
  if (certificatePath === undefined || keyPath === undefined) {
    const missing = certificatePath === undefined ? 'certificate' : 'key'
    report.error(['tls'], 'tls-half', { key: missing })
    return nowhere
  }
  const certificate = expandPath(certificatePath, place.folder, place.env)
  const key = expandPath(keyPath, place.folder, place.env)
  if (!certificate.ok) report.fault(['tls', 'certificate'], certificate.error)
  if (!key.ok) report.fault(['tls', 'key'], key.error)
  if (!certificate.ok || !key.ok) return nowhere
  const files: TlsFiles = { certificate: certificate.value, key: key.value }
  place.files.add(files.certificate).add(files.key)
  const findings = checkTls(files, new Date())
  if (findings.certificate) report.fault(['tls', 'certificate'], findings.certificate)
  if (findings.key) report.fault(['tls', 'key'], findings.key)
  for (const { key, values } of findings.warnings) report.warn(['tls', 'certificate'], key, values)
  return files
}

/**
 * The file need not be there yet. Each authority has a folder, so that trying
 * one does not overwrite what another has made.
 */
function readAcme(
  { certificate, key }: WrittenTls,
  acme: NonNullable<WrittenTls['acme']>,
  realm: string,
  { state }: Place,
  report: ConfigReport,
): TlsFiles {
  if (certificate !== undefined || key !== undefined) report.error(['tls', 'acme'], 'acme-and-files')
  const names = acme.names.length > 0 ? acme.names : namesOf(realm, report)
  const { host, pathname } = new URL(acme.directory)
  const folder = `${host}${pathname}`.replaceAll(/[^A-Za-z0-9.-]/g, '_')
  const file = join(state, 'acme', folder, 'certificate.pem')
  return { certificate: file, key: file, acme: { ...acme, names } }
}

function namesOf(realm: string, report: ConfigReport): string[] {
  const name = parseCertificateName(realm)
  if (name.ok) return [name.value]
  report.error(['tls', 'acme'], 'acme-realm', { given: realm })
  return []
}
