import t from 'tap'
import { address, parseIp } from '../../../src/base/address.ts'
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
