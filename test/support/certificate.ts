import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

/** Paths of a certificate and its key, PEM. */
export interface Certificate {
  readonly certificate: string
  readonly key: string
}

/** Makes a self-signed certificate for the loopback addresses and a name in `folder` with the openssl command. */
export function selfSigned(folder: string, name = 'localhost'): Certificate {
  const certificate = join(folder, 'certificate.pem')
  const key = join(folder, 'key.pem')
  const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=IP:127.0.0.1,IP:::1,DNS:${name}`]
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-keyout',
      key,
      '-out',
      certificate,
      ...subject,
    ],
    { stdio: 'pipe' },
  )
  return { certificate, key }
}
