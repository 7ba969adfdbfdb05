import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'

/** Under which names we may be asked, so that no page of somebody else can have a browser ask us. */
export interface AllowedHosts {
  /** Host of the address that is listened on, as in a URL; undefined for all addresses. */
  readonly host: string | undefined
  /** `publicUrl` and `origins` of the configuration. */
  readonly origins: readonly string[]
}

/**
 * True where the Host header is one of ours. A page that has its own name
 * point to our address (DNS rebinding) still sends its own name here.
 */
export function isOurHost(headers: IncomingHttpHeaders, { host, origins }: AllowedHosts): boolean {
  const given = headers.host?.toLowerCase()
  // Only what a Host header consists of: a URL may have a user's name before the host, a header may not.
  if (given === undefined || !/^[a-z0-9.:[\]_-]+$/.test(given) || !URL.canParse(`http://${given}`))
    return false
  const { hostname, host: hostAndPort } = new URL(`http://${given}`)
  if (LOOPBACK.has(hostname) || /^127(\.[0-9]+){3}$/.test(hostname)) return true
  const isAddress = isIP(hostname.replace(/^\[(.*)\]$/, '$1')) !== 0
  if (host === undefined ? isAddress : hostname === host) return true
  return origins.some(origin => new URL(origin).host === hostAndPort)
}

/** True where no page of another origin is behind it; programs send no Origin at all. */
export function isOurOrigin(headers: IncomingHttpHeaders, names: AllowedHosts): boolean {
  const { origin } = headers
  if (origin === undefined) return true
  return names.origins.includes(origin) || origin === `http://${headers.host?.toLowerCase()}`
}

const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '[::1]'])
