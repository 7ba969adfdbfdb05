import type { Address } from '../base/address.ts'
import type { Transport } from '../homeserver/turn-uri.ts'
import type { Endpoint } from './facts.ts'
import { type Link, type LinkFault, openTcp, openTls, openUdp } from './link.ts'
import { type Credential, TurnSession } from './turn-session.ts'

/** Milliseconds to wait for a connection. */
export const CONNECT = 4000

/** Opens a session with an endpoint; the caller closes it. */
export async function openSession(
  { transport, address, uri, state }: Pick<Endpoint, 'transport' | 'address' | 'uri' | 'state'>,
  credential?: Credential,
): Promise<TurnSession | LinkFault> {
  const link = await openLink(transport, state.detour ?? address, uri.host)
  return 'kind' in link ? link : new TurnSession(link, credential)
}

export async function openLink(transport: Transport, to: Address, host: string): Promise<Link | LinkFault> {
  if (transport === 'udp') return openUdp(to)
  if (transport === 'tcp') return openTcp(to, CONNECT)
  const opened = await openTls(to, { host, patience: CONNECT })
  return 'kind' in opened ? opened : opened.link
}
