import { contains } from '../base/range.ts'
import type { Settings } from '../config/settings.ts'
import type { WebServer } from '../net/stream/web-door.ts'

/** Says of an address whether it is one of the proxies that may say who a client is. */
export function proxySources({ proxy }: Pick<Settings, 'proxy'>): (ip: Uint8Array) => boolean {
  const from = proxy?.from ?? []
  return ip => from.some(range => contains(range, ip))
}

/** The web server that ports are shared with; by default the realm alone is the relay's name. */
export function webServerOf({ web, realm }: Pick<Settings, 'web' | 'realm'>): WebServer | undefined {
  if (!web) return undefined
  const names = web.names.length > 0 ? web.names : [realm]
  return { ...web, names: names.map(name => name.toLowerCase()) }
}
