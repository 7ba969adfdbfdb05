import { formatAddress } from '../base/address.ts'
import type { CounterReader } from '../base/counters.ts'
import { formatRange } from '../base/range.ts'
import type { Settings } from '../config/settings.ts'
import type { Status } from '../control/view.ts'

/** What stands in front of the relay and behind it, and how it fares; nothing where nothing is configured. */
export function frontStatus(
  { proxy, web }: Pick<Settings, 'proxy' | 'web'>,
  counters: CounterReader,
  visitors: number,
): Pick<Status, 'proxy' | 'web'> {
  return {
    ...(proxy && {
      proxy: {
        from: proxy.from.map(formatRange),
        clients: counters.read('proxied'),
        own: counters.read('proxyOwn'),
        refused:
          counters.read('unservedProxySource') +
          counters.read('unservedProxyMissing') +
          counters.read('unservedProxyMalformed'),
      },
    }),
    ...(web && {
      web: {
        to: formatAddress(web.to),
        connections: visitors,
        limit: web.connections,
        toServer: counters.read('webToServer'),
        toClient: counters.read('webToClient'),
        unreachable: counters.read('unservedWebUnreachable'),
      },
    }),
  }
}
