import { parseIp } from '../base/address.ts'
import { failed, type Result, succeeded } from '../base/result.ts'

export type UriTransport = 'udp' | 'tcp' | 'tls'

/** A TURN URI as browsers understand it. */
export interface TurnUri {
  readonly text: string
  readonly secure: boolean
  /** `turns` is TLS over TCP whatever `?transport=` says: no browser speaks DTLS to a TURN server. */
  readonly transport: UriTransport
  /** What `?transport=` says. */
  readonly asked: 'udp' | 'tcp' | undefined
  /** A name or an IP address, without brackets. */
  readonly host: string
  readonly ip: Uint8Array | undefined
  readonly port: number
}

/** Why browsers refuse a URI: one such entry makes them throw, and with it fails every call. */
export type UriFault = 'stun' | 'scheme' | 'transport' | 'host' | 'port'

/** Reads a URI as libwebrtc's ParseIceServerUrl does. */
export function readTurnUri(text: string): Result<TurnUri, UriFault> {
  const colon = text.indexOf(':')
  const scheme = text.slice(0, Math.max(0, colon)).toLowerCase()
  if (scheme === 'stun' || scheme === 'stuns') return failed('stun')
  if (scheme !== 'turn' && scheme !== 'turns') return failed('scheme')
  const [place, query, ...rest] = text.slice(colon + 1).split('?')
  if (rest.length > 0) return failed('transport')
  const asked = query === undefined ? undefined : /^transport=(udp|tcp)$/i.exec(query)?.[1]?.toLowerCase()
  if (query !== undefined && asked === undefined) return failed('transport')
  const found = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/.exec(place ?? '')
  if (!found) return failed('host')
  const [, bracketed, plain, digits] = found
  const host = bracketed ?? plain ?? ''
  const ip = parseIp(host)
  const isHost = bracketed === undefined ? /^[A-Za-z0-9._-]+$/.test(host) : ip?.length === 16
  if (!isHost) return failed('host')
  if (digits !== undefined && !/^[0-9]{1,5}$/.test(digits)) return failed('port')
  const secure = scheme === 'turns'
  const port = digits === undefined ? (secure ? 5349 : 3478) : Number(digits)
  if (port < 1 || port > 65535) return failed('port')
  const transport = secure ? 'tls' : asked === 'tcp' ? 'tcp' : 'udp'
  return succeeded({ text, secure, transport, asked: asked as TurnUri['asked'], host, ip, port })
}

/** True for ports that libwebrtc connects to: of those below 1024 only DNS's and the web's. */
export function isBrowserPort(port: number): boolean {
  return port >= 1024 || port === 53 || port === 80 || port === 443
}
