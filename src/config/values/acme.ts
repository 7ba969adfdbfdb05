import { isIP } from 'node:net'
import { succeeded } from '../../base/result.ts'
import { notAccepted, type Parsed } from '../fault.ts'

/** Authorities by a short name, and the URLs of their directories. */
const DIRECTORIES: Readonly<Record<string, string>> = {
  letsencrypt: 'https://acme-v02.api.letsencrypt.org/directory',
  'letsencrypt-staging': 'https://acme-staging-v02.api.letsencrypt.org/directory',
}

/** Reads which authority makes certificates: a short name, or the URL of its directory (RFC 8555 §7.1.1). */
export function parseAcmeDirectory(text: string): Parsed<string> {
  const known = Object.hasOwn(DIRECTORIES, text) ? DIRECTORIES[text] : undefined
  const url = known ?? text
  const isUrl = URL.canParse(url) && new URL(url).protocol === 'https:' && new URL(url).username === ''
  return isUrl ? succeeded(url) : notAccepted('acme-directory', { given: text })
}

/** Reads a name that a certificate can be for; in lower case, as certificates have it. */
export function parseCertificateName(text: string): Parsed<string> {
  if (text.startsWith('*')) return notAccepted('acme-wildcard', { given: text })
  const isName = DNS_NAME.test(text) && isIP(text) === 0
  return isName ? succeeded(text.toLowerCase()) : notAccepted('acme-name', { given: text })
}

/** Two labels or more, each of letters, digits and hyphens; 253 characters in all. */
const DNS_NAME = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i
