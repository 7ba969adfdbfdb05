import type { Address } from '../base/address.ts'
import { type Result, succeeded } from '../base/result.ts'
import { type LinkFault, openTcp, openTls, openUdpLink, type ProbeLink } from '../dial/link.ts'
import type { UriTransport } from '../homeserver/turn-uri.ts'
import type { TurnEndpoint } from './facts.ts'
import { type Credential, TurnSession } from './turn-session.ts'

/** Milliseconds to wait for a connection. */
export const CONNECT = 4000

/** Opens a session with an endpoint; the caller closes it. */
export async function openSession(
  { transport, address, uri, state }: Pick<TurnEndpoint, 'transport' | 'address' | 'uri' | 'state'>,
  credential?: Credential,
): Promise<Result<TurnSession, LinkFault>> {
  const link = await openLink(transport, state.detour ?? address, uri.host)
  return link.ok ? succeeded(new TurnSession(link.value, credential)) : link
}

/** `preface` is what a stream begins with, before TLS. */
export async function openLink(
  transport: UriTransport,
  to: Address,
  host: string,
  preface?: Buffer,
): Promise<Result<ProbeLink, LinkFault>> {
  if (transport === 'udp') return openUdpLink(to)
  if (transport === 'tcp') return openTcp(to, CONNECT, preface)
  const opened = await openTls(to, { host, patience: CONNECT, preface })
  return opened.ok ? succeeded(opened.value.link) : opened
}
