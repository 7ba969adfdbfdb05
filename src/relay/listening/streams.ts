import { contains } from '../../base/range.ts'
import type { Settings } from '../../config/settings.ts'
import { StreamTransport, type StreamTransportParts } from '../../net/stream/stream-transport.ts'
import type { WebServer } from '../../net/stream/web/web-door.ts'

/** Opens the transport of TCP and TLS clients. */
export function openStreams(
  settings: Settings,
  parts: Omit<StreamTransportParts, 'limits'>,
): StreamTransport {
  const streams = new StreamTransport({ ...parts, limits: settings.limits })
  setFront(streams, settings)
  return streams
}

/** Says which proxies may announce clients, and what stands behind ports that are shared with a web server. */
export function setFront(streams: StreamTransport, settings: Settings): void {
  streams.setFront(proxySources(settings), webServerOf(settings))
}

/** Says of an address whether it is one of the proxies that may say who a client is. */
function proxySources({ proxy }: Pick<Settings, 'proxy'>): (ip: Uint8Array) => boolean {
  const from = proxy?.from ?? []
  return ip => from.some(range => contains(range, ip))
}

/** The web server that ports are shared with; by default the realm alone is the relay's name. */
function webServerOf({ web, realm }: Pick<Settings, 'web' | 'realm'>): WebServer | undefined {
  if (!web) return undefined
  const names = web.names.length > 0 ? web.names : [realm]
  return { ...web, names: names.map(name => name.toLowerCase()) }
}
