import t from 'tap'
import { Counter, Counters } from '../../../src/base/counters.ts'
import { statusShape } from '../../../src/control/shapes.ts'
import { frontStatus } from '../../../src/operate/front-status.ts'
import { HOMESERVER, loadText } from '../../support/loading.ts'

t.test('OW-02: the status says who is in front and who behind, and how they fare', async t => {
  const { settings } = loadText(
    t,
    `{ ${HOMESERVER}, "realm": "turn.example.org",
       "listen": ["tcp://127.0.0.1:3479?proxy", "tcp://0.0.0.0:443?web"],
       "proxy": { "from": ["127.0.0.1", "10.0.0.0/8"] },
       "web": { "to": "127.0.0.1:8443", "connections": 50 } }`,
  )
  const counters = new Counters()
  counters.add(Counter.proxied, 7)
  counters.add(Counter.proxyOwn, 5)
  for (const name of ['unservedProxySource', 'unservedProxyMissing', 'unservedProxyMalformed'] as const)
    counters.add(Counter[name])
  counters.add(Counter.webToServer, 100)
  counters.add(Counter.webToClient, 900)
  counters.add(Counter.unservedWebUnreachable, 2)

  const status = frontStatus(settings, counters, 3)

  t.same(status, {
    proxy: { from: ['127.0.0.1', '10.0.0.0/8'], clients: 7, own: 5, refused: 3 },
    web: { to: '127.0.0.1:8443', connections: 3, limit: 50, toServer: 100, toClient: 900, unreachable: 2 },
  })
  t.ok(statusShape.pick({ proxy: true, web: true }).safeParse(status).success, 'as the API describes it')
})

t.test('OW-02: where neither is configured, the status says nothing of them', async t => {
  const { settings } = loadText(t, `{ ${HOMESERVER}, "realm": "turn.example.org" }`)

  t.same(frontStatus(settings, new Counters(), 0), {})
})
