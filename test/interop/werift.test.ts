import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import type { TurnProtocol } from 'werift-ice'
import { credential } from '../support/credentials.ts'
import { type RunningRelay, startRelay } from '../support/relay.ts'
import { connect, next, type Transport, tell } from '../support/werift.ts'

t.setTimeout(300_000)

t.test('a werift client', async t => {
  const relay = await startRelay({ loopbackPeers: true })
  t.teardown(() => relay.stop())

  for (const transport of ['udp', 'tcp', 'tls'] as const) {
    t.test(`allocates over ${transport}, binds a channel and talks to a peer`, async t => {
      const echo = await startEcho(t)
      const client = await join(t, relay, transport)

      const heard = next(client)
      await client.sendData(Buffer.from('over a channel'), ['127.0.0.1', echo.port])

      const [data, from] = await heard
      t.equal(data.toString(), 'over a channel')
      t.same(from, ['127.0.0.1', echo.port], 'it came from the peer')
      t.same(echo.sources, [client.relayedAddress.join(':')], 'the peer saw the relayed address')
      t.ok(inRange(client, relay), 'the relayed port is in the configured range')
    })

    t.test(`over ${transport} reaches another client of the same relay`, async t => {
      const alice = await join(t, relay, transport)
      const bob = await join(t, relay, transport)
      t.equal(await tell(alice, bob, 'hello Bob'), 'hello Bob')
      t.equal(await tell(bob, alice, 'hello Alice'), 'hello Alice')
    })
  }
})

t.test('two clients of one relay reach each other while every private range is denied', async t => {
  const relay = await startRelay({ against: 'taciturn' })
  t.teardown(() => relay.stop())
  const alice = await join(t, relay, 'udp')
  const bob = await join(t, relay, 'tcp')

  t.equal(await tell(alice, bob, 'inside the process'), 'inside the process')
})

t.test('a denied peer gets neither permission nor channel', async t => {
  const relay = await startRelay({ against: 'taciturn' })
  t.teardown(() => relay.stop())
  const client = await join(t, relay, 'udp')

  await t.rejects(client.getChannel(['127.0.0.2', 9]), 'no channel to loopback')
  await t.rejects(client.getPermission(['127.0.0.2', 9]), 'no permission for loopback')
  await t.rejects(client.getPermission(['10.0.0.1', 9]), 'nor for a private range')
})

t.test("what else listens on the relay's own address is out of reach", async t => {
  const relay = await startRelay({ against: 'taciturn' })
  t.teardown(() => relay.stop())
  const echo = await startEcho(t)
  const alice = await join(t, relay, 'udp')
  const bob = await join(t, relay, 'udp')
  await bob.getPermission(alice.relayedAddress)

  // The address must be permitted, for other allocations live on it. Both went before the third, in this order.
  await alice.sendData(Buffer.from('for the echo'), ['127.0.0.1', echo.port])
  await alice.sendData(Buffer.from('for a listener'), ['127.0.0.1', relay.port])
  const heard = next(bob)
  await alice.sendData(Buffer.from('for Bob'), bob.relayedAddress)

  t.equal((await heard)[0].toString(), 'for Bob')
  t.same(echo.sources, [], 'a socket that is no relayed address hears nothing')
})

/** A client of Alice's on this relay. */
function join(t: Test, relay: RunningRelay, transport: Transport): Promise<TurnProtocol> {
  const port = transport === 'tls' ? relay.tlsPort : relay.port
  return connect(t, ['127.0.0.1', port], credential(relay.secret, '@alice:example.org'), transport)
}

function inRange(client: TurnProtocol, relay: RunningRelay): boolean {
  const port = client.relayedAddress[1]
  return port >= relay.relayPorts.from && port <= relay.relayPorts.to
}

async function startEcho(t: Test): Promise<{ port: number; sources: string[] }> {
  const socket = createSocket('udp4')
  const sources: string[] = []
  socket.on('message', (data, from) => {
    sources.push(`${from.address}:${from.port}`)
    socket.send(data, from.port, from.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.teardown(() => socket.close())
  return { port: socket.address().port, sources }
}
