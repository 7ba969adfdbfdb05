import { execFileSync } from 'node:child_process'
import { delimiter } from 'node:path'
import t from 'tap'
import { credential } from '../support/credentials.ts'
import { startRelay } from '../support/relay.ts'
import { ask, bindingRequest, mappedPort } from '../support/stun.ts'
import { connect, tell } from '../support/werift.ts'

// TEST_NODES lists other versions' binaries, separated as in PATH.
const nodes = process.env.TEST_NODES?.split(delimiter) ?? [process.execPath]

for (const node of nodes) {
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()
  for (const udp of ['auto', 'dgram']) {
    t.test(`Node ${version} runs the relay, with ${udp} sockets`, async t => {
      const relay = await startRelay({ against: 'taciturn', node, settings: { udp } })
      t.teardown(() => relay.stop())

      const answer = await ask(relay.port, bindingRequest(), 5000)
      t.ok(answer && mappedPort(answer), 'it answers Binding')

      const alice = await connect(
        t,
        ['127.0.0.1', relay.port],
        credential(relay.secret, '@alice:example.org'),
      )
      const bob = await connect(
        t,
        ['127.0.0.1', relay.tlsPort],
        credential(relay.secret, '@bob:example.org'),
        'tls',
      )
      t.equal(await tell(alice, bob, 'hello Bob'), 'hello Bob', 'it relays')
      t.equal(await tell(bob, alice, 'hello Alice'), 'hello Alice', 'and back')
      await Promise.all([alice.close(), bob.close()])

      t.same(await relay.stop(), { code: 0, signal: null }, 'it stops')
      t.notMatch(relay.child.output, /DeprecationWarning|ExperimentalWarning/, 'it warns of nothing')
    })
  }
}
