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
