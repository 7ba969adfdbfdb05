import t from 'tap'
import { pairUp } from '../support/issued.ts'
import { need } from '../support/need.ts'
import { credentialIn, startProsody } from '../support/prosody.ts'
import { startRelay } from '../support/relay.ts'

t.setTimeout(300_000)

t.test('Prosody hands out credentials that relay', need('prosody', 'openssl'), async t => {
  const relay = await startRelay({ against: 'taciturn' })
  t.teardown(() => relay.stop())
  const prosody = await startProsody(relay)
  t.teardown(() => prosody.stop())

  const services = await prosody.services()
  const turn = services.filter(service => service.type === 'turn')
  t.same(turn.map(({ transport, port }) => [transport, Number(port)]).sort(), [
    ['tcp', relay.port],
    ['udp', relay.port],
  ])
  t.match(turn[0]?.username, /^[0-9]+$/, 'the bare expiry, without a user')
  const issued = {
    ...credentialIn(turn[0]!),
    ttl: 86_400,
    uris: [`turn:127.0.0.1:${relay.port}?transport=udp`],
  }
  const call = await pairUp(issued, issued)
  t.teardown(() => call.close())
  await call.exchange('with credentials of Prosody')
})

t.test(
  'prosodyctl finds nothing wrong with the relay, and its ping goes through',
  need('prosody', 'prosodyctl', 'turnserver', 'openssl'),
  async t => {
    const relay = await startRelay({ against: 'taciturn', loopbackPeers: true })
    t.teardown(() => relay.stop())
    // Somebody else's STUN server is the one to be pinged.
    const stun = await startRelay({ against: 'coturn' })
    t.teardown(() => stun.stop())
    const prosody = await startProsody(relay)
    t.teardown(() => prosody.stop())

    const { code, output } = await prosody.check('-v', '--ping', `localhost:${stun.port}`)
    t.comment(output)
    t.equal(code, 0)
    t.match(output, /Success!/)
    t.match(output, /External IP: 127\.0\.0\.1/)
    t.match(output, /1 warnings:\s+STUN returned a private IP/, 'which loopback is')
    t.notMatch(output, /mismatch|does not match|error/i)
  },
)

t.test('prosodyctl tells of a wrong secret', need('prosody', 'prosodyctl', 'openssl'), async t => {
  const relay = await startRelay({ against: 'taciturn' })
  t.teardown(() => relay.stop())
  const prosody = await startProsody({ port: relay.port, secret: `not ${relay.secret}` })
  t.teardown(() => prosody.stop())
  const { code, output } = await prosody.check()
  t.not(code, 0)
  t.match(output, /TURN allocation failed: 401/)
})
