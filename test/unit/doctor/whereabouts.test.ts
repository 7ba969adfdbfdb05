import t from 'tap'
import { address, parseIp } from '../../../src/base/address.ts'
import { turnServer } from '../../../src/doctor/checks/homeserver.ts'
import { whereabouts } from '../../../src/doctor/checks/whereabouts.ts'
import { Facts, labelOf, type TurnEndpoint } from '../../../src/doctor/facts.ts'
import { readTurnUri, type TurnUri } from '../../../src/homeserver/turn-uri.ts'
import { loaded } from '../../support/settings.ts'

t.test('O-22, O-25: an address is told from this machine, its router and other machines', async t => {
  const written = loaded({ relay: { addresses: ['10.0.0.5=9.9.9.9', 'auto=home.example.org'] } })
  const facts = new Facts({ config: written, fromOutside: false, resolve: new Map() })

  t.equal(whereabouts(facts, at('turn.example.org', '127.0.0.1')), 'here')
  t.equal(whereabouts(facts, at('turn.example.org', '9.9.9.9')), 'router')
  t.equal(whereabouts(facts, at('turn.example.org', '80.1.1.99')), 'elsewhere')
  t.equal(whereabouts(facts, at('home.example.org', '80.1.1.99')), 'router', 'a name that the relay follows')
  t.equal(
    whereabouts(facts, at('turn.example.org', '192.168.77.77')),
    undefined,
    'a wrong DNS record, perhaps',
  )
  const outside = new Facts({ config: written, fromOutside: true, resolve: new Map() })
  t.equal(whereabouts(outside, at('turn.example.org', '80.1.1.99')), undefined)
})

t.test('U-08: a homeserver that could have been asked, and was not, is said', async t => {
  const found = async (settings: Record<string, unknown>, more: Record<string, unknown> = {}) => {
    const config = loaded(settings)
    const facts = new Facts({ config, fromOutside: false, resolve: new Map(), ...more })
    return (await turnServer.run(facts)).map(({ id }) => id)
  }
  const homeservers = [{ name: 'a', secrets: ['5f0d7cc1b9a84e6fb2f3f0c56b7b9d4e'] }]
  t.same(await found({ homeservers }), ['no-homeserver'])
  t.same(
    await found({ homeservers }, { uris: ['turn:turn.example.org'] }),
    [],
    'one URI is looked at by itself',
  )
  t.same(await found({ homeservers: [], users: [{ name: 'bob', password: 'a long password' }] }), [])
})

function at(host: string, ip: string): TurnEndpoint {
  const uri = (readTurnUri(`turn:${host}`) as { value: TurnUri }).value
  const there = address(parseIp(ip)!, uri.port)
  return {
    uri,
    transport: uri.transport,
    address: there,
    audience: 'public',
    isSecondFamily: false,
    label: labelOf(uri, there),
    state: { reached: false, allocated: false },
  }
}
