import { type Address, formatIp } from '../base/address.ts'
import type { Settings } from '../config/settings.ts'

/** What the lines for a homeserver are made of. */
export interface TurnAccess {
  /** How clients reach this relay: a name, or an IP address in the form of a URI. */
  readonly host: string
  readonly settings: ListenSettings
  readonly secret: string
}

/** Where clients connect, and whether there is a certificate. */
export type ListenSettings = Pick<Settings, 'listen' | 'tls'>

/** Writes the lines of a Synapse configuration that make its users use this relay. */
export function synapseLines({ host, settings, secret }: TurnAccess): string {
  const uris = offeredUris(host, settings).map(uri => `  - ${JSON.stringify(uri)}`)
  return [
    'turn_uris:',
    ...uris,
    `turn_shared_secret: ${JSON.stringify(secret)}`,
    'turn_user_lifetime: 24h',
    'turn_allow_guests: false',
    '',
  ].join('\n')
}

/**
 * One URI for each transport and port, however many addresses stand behind it.
 * With a certificate a tcp:// listener takes TLS too; it is named for that where no tls:// listener is there.
 * Of a listener behind a proxy, clients see the proxy's port. Which one that is nobody tells us;
 * it is there for 443.
 */
export function turnUris(host: string, { listen: all, tls }: ListenSettings): string[] {
  const secure = (port: number) => `turns:${host}:${port}?transport=tcp`
  const hasTlsListener = all.some(({ transport, proxy }) => transport === 'tls' || proxy)
  const listen = all.filter(({ proxy }) => !proxy)
  const uris = listen.map(({ transport, address: { port } }) =>
    transport === 'tls' ? secure(port) : `turn:${host}:${port}?transport=${transport}`,
  )
  if (listen.length < all.length) uris.push(secure(443))
  const both = tls && !hasTlsListener ? listen.filter(({ transport }) => transport === 'tcp') : []
  return [...new Set([...uris, ...both.map(({ address: { port } }) => secure(port))])]
}

/** Firefox warns of five servers and more, since each of them slows down the start of a call. */
const MOST_URIS = 4

/** The URIs to hand out: not more than browsers like, with each transport among them as long as there is one. */
export function offeredUris(host: string, settings: ListenSettings): string[] {
  const uris = turnUris(host, settings)
  const kindOf = (uri: string) => (uri.startsWith('turns:') ? 'tls' : uri.slice(-3))
  // TLS on port 443 passes where nothing else does.
  const on443 = (uri: string) => uri.includes(':443?')
  const best = new Set(
    ['udp', 'tcp', 'tls'].flatMap(kind => {
      const alike = uris.filter(uri => kindOf(uri) === kind)
      return (kind === 'tls' ? alike.find(on443) : undefined) ?? alike[0] ?? []
    }),
  )
  const worth = (uri: string) => (best.has(uri) ? 0 : on443(uri) ? 1 : 2)
  const chosen = new Set(uris.toSorted((a, b) => worth(a) - worth(b)).slice(0, MOST_URIS))
  return uris.filter(uri => chosen.has(uri))
}

/**
 * The name clients are to use: the realm if somebody chose one, else the best
 * address there is, since the name of a machine need not be known to any DNS.
 */
export function clientHost(
  {
    settings,
    defaults,
  }: { readonly settings: Pick<Settings, 'realm'>; readonly defaults: { readonly realm: boolean } },
  relays: readonly { readonly public: Uint8Array }[],
  isPublic: (ip: Uint8Array) => boolean,
): string {
  if (!defaults.realm) return settings.realm
  const best =
    relays.find(relay => relay.public.length === 4 && isPublic(relay.public)) ??
    relays.find(relay => relay.public.length === 16 && isPublic(relay.public)) ??
    relays[0]
  return best ? uriHost({ ip: best.public }) : settings.realm
}

/** An IP address as a URI has it. */
export function uriHost({ ip }: Pick<Address, 'ip'>): string {
  return ip.length === 4 ? formatIp(ip) : `[${formatIp(ip)}]`
}
