import { type Address, formatIp } from '../base/address.ts'
import type { Settings } from '../config/settings.ts'

/** What the lines for a homeserver are made of. */
export interface TurnAccess {
  /** How clients reach this relay: a name, or an IP address in the form of a URI. */
  readonly host: string
  readonly listen: Settings['listen']
  readonly secret: string
}

/** Writes the lines of a Synapse configuration that make its users use this relay. */
export function synapseLines({ host, listen, secret }: TurnAccess): string {
  const uris = turnUris(host, listen).map(uri => `  - ${JSON.stringify(uri)}`)
  return [
    'turn_uris:',
    ...uris,
    `turn_shared_secret: ${JSON.stringify(secret)}`,
    'turn_user_lifetime: 24h',
    'turn_allow_guests: false',
    '',
  ].join('\n')
}

/** One URI for each transport and port, however many addresses stand behind it. */
export function turnUris(host: string, listen: Settings['listen']): string[] {
  const uris = listen.map(({ transport, address: { port } }) =>
    transport === 'tls'
      ? `turns:${host}:${port}?transport=tcp`
      : `turn:${host}:${port}?transport=${transport}`,
  )
  return [...new Set(uris)]
}

/** An IP address as a URI has it. */
export function uriHost({ ip }: Pick<Address, 'ip'>): string {
  return ip.length === 4 ? formatIp(ip) : `[${formatIp(ip)}]`
}
