import { succeeded } from '../../base/result.ts'
import { notAccepted, type Parsed } from '../fault.ts'

/** Reads a URL that people reach the console by, without the slash at its end. */
export function parsePublicUrl(text: string): Parsed<string> {
  const url = /^https?:\/\//.test(text) && URL.canParse(text) ? new URL(text) : undefined
  const isBare = url && url.username === '' && url.password === '' && url.search === '' && url.hash === ''
  // Pages ask for /api/v1 of their own origin, so there is no path that a proxy could add.
  if (!isBare || url.pathname !== '/') return notAccepted('public-url', { given: url ? url.origin : text })
  return succeeded(url.origin)
}

/** Reads the URL of an OpenID Connect provider as it is; plain HTTP is for this machine alone. */
export function parseIssuer(text: string): Parsed<string> {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isBare = url && url.username === '' && url.password === '' && url.search === '' && url.hash === ''
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && LOCAL.test(url.hostname))
  return isBare && isSafe ? succeeded(text) : notAccepted('oidc-issuer', { given: url ? url.origin : text })
}

const LOCAL = /^(localhost|127(\.[0-9]+){3}|\[::1\])$/
