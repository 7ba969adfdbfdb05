import { z } from 'zod'
import { formatAddress } from '../../base/address.ts'
import { parsePeers } from '../values/cidr.ts'
import { parseUpstream } from '../values/host-port.ts'
import { parseRealm } from '../values/text.ts'
import { count, DAY, duration, ranges, textField } from './fields.ts'

/* What stands in front of listeners, and behind them: `proxy` and `web` of `turnserver.json`. */

export const proxySection = z
  .strictObject({
    from: ranges(parsePeers, ['127.0.0.1', '10.0.0.0/8'])
      .min(1)
      .describe(
        'Addresses of the proxies. Connections from anywhere else are refused on these listeners: anyone who may send the header can claim any address.',
      ),
  })
  .exactOptional()
  .describe(
    'For listeners with "?proxy", such as "tls://127.0.0.1:5349?proxy": a reverse proxy or load balancer in front says in a PROXY protocol header (version 1 or 2) who the client is, and TLS follows it. See docs/proxies.md.',
  )

export const webSection = z
  .strictObject({
    to: textField(parseUpstream, { format: formatAddress, examples: ['127.0.0.1:8443'] }).describe(
      'Where the web server takes TLS.',
    ),
    names: z
      .array(textField(parseRealm, { examples: ['turn.example.org'] }))
      .prefault([])
      .describe(
        "Names of the relay, in TLS (SNI). Clients that ask for one of them and offer no protocol (ALPN) are the relay's. Default: the realm.",
      ),
    proxy: z
      .boolean()
      .default(false)
      .describe(
        'True: a PROXY protocol header, version 2, tells the web server who the visitor is; it has to expect one.',
      ),
    connections: count(1, 1_000_000)
      .default(1000)
      .describe('Visitors\' connections at once. They are not counted in "limits".'),
    connectionsPerAddress: count(1, 1_000_000)
      .default(100)
      .describe(
        "Visitors' connections at once of one client address: an IPv4 address, or an IPv6 /56. A network (an IPv6 /48) may have four times as many.",
      ),
    idle: duration({ min: 10, max: DAY }, ['10m'])
      .prefault('10m')
      .describe('How long nothing may pass on a connection before it is closed.'),
  })
  .exactOptional()
  .describe(
    'Shares port 443: of listeners with "?web", such as "tls://0.0.0.0:443?web", TLS that is not meant for the relay is passed on to a web server, as it is and without being decrypted. See docs/proxies.md.',
  )
