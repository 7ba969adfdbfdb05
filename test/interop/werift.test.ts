import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import timers from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createTurnClient, type TurnProtocol } from 'werift-ice'
import { credential } from '../support/credentials.ts'
import { type RunningRelay, startRelay } from '../support/relay.ts'

// A werift client waits minutes for its next Refresh, on a timer that outlives close(). It must not hold this process.
const wait = timers.setTimeout
timers.setTimeout = (delay, value, options) => wait(delay, value, { ...options, ref: false })

type Transport = 'udp' | 'tcp' | 'tls'

t.setTimeout(120_000)

t.test('a werift client', async t => {
  const relay = await startRelay({ loopbackPeers: true })
  t.teardown(() => relay.stop())

  for (const transport of ['udp', 'tcp', 'tls'] as const) {
    t.test(`allocates over ${transport}, binds a channel and talks to a peer`, async t => {
      const echo = await startEcho(t)
      const client = await connect(t, relay, transport)

      const heard = next(client)
      await client.sendData(Buffer.from('over a channel'), ['127.0.0.1', echo.port])

      const [data, from] = await heard
      t.equal(data.toString(), 'over a channel')
      t.same(from, ['127.0.0.1', echo.port], 'it came from the peer')
      t.same(echo.sources, [client.relayedAddress.join(':')], 'the peer saw the relayed address')
      t.ok(inRange(client, relay), 'the relayed port is in the configured range')
    })

    t.test(`over ${transport} reaches another client of the same relay`, async t => {
      const alice = await connect(t, relay, transport)
      const bob = await connect(t, relay, transport)
      await bob.getPermission(alice.relayedAddress)

      const heard = next(bob)
      await alice.sendData(Buffer.from('hello Bob'), bob.relayedAddress)

      const [data, from] = await heard
      t.equal(data.toString(), 'hello Bob')
      t.same(from, alice.relayedAddress)

      const answer = next(alice)
      await bob.sendData(Buffer.from('hello Alice'), alice.relayedAddress)

      t.equal((await answer)[0].toString(), 'hello Alice')
    })
  }
})

t.test('two clients of one relay reach each other while every private range is denied', async t => {
  const relay = await startRelay({ against: 'taciturn' })
  t.teardown(() => relay.stop())
  const alice = await connect(t, relay, 'udp')
  const bob = await connect(t, relay, 'tcp')
  await bob.getPermission(alice.relayedAddress)

  const heard = next(bob)
  await alice.sendData(Buffer.from('inside the process'), bob.relayedAddress)

  t.equal((await heard)[0].toString(), 'inside the process')
})

t.test('a denied peer gets neither permission nor channel', async t => {
  const relay = await startRelay({ against: 'taciturn' })
  t.teardown(() => relay.stop())
  const client = await connect(t, relay, 'udp')

  await t.rejects(client.getChannel(['127.0.0.2', 9]), 'no channel to loopback')
  await t.rejects(client.getPermission(['127.0.0.2', 9]), 'no permission for loopback')
  await t.rejects(client.getPermission(['10.0.0.1', 9]), 'nor for a private range')
})

t.test("what else listens on the relay's own address is out of reach", async t => {
  const relay = await startRelay({ against: 'taciturn' })
  t.teardown(() => relay.stop())
  const echo = await startEcho(t)
  const alice = await connect(t, relay, 'udp')
  const bob = await connect(t, relay, 'udp')
  await bob.getPermission(alice.relayedAddress)

  // The address must be permitted, for other allocations live on it. Both went before the third, in this order.
  await alice.sendData(Buffer.from('for the echo'), ['127.0.0.1', echo.port])
  await alice.sendData(Buffer.from('for a listener'), ['127.0.0.1', relay.port])
  const heard = next(bob)
  await alice.sendData(Buffer.from('for Bob'), bob.relayedAddress)

  t.equal((await heard)[0].toString(), 'for Bob')
  t.same(echo.sources, [], 'a socket that is no relayed address hears nothing')
})

async function connect(t: Test, relay: RunningRelay, transport: Transport): Promise<TurnProtocol> {
  const client = await createTurnClient(
    {
      address: ['127.0.0.1', transport === 'tls' ? relay.tlsPort : relay.port],
      ...credential(relay.secret, '@alice:example.org'),
    },
    { transport, tlsOptions: { rejectUnauthorized: false } },
  )
  t.teardown(() => client.close())
  return client
}

/** Resolves with the next payload that the client takes from any peer. */
function next(client: TurnProtocol): Promise<readonly [Buffer, readonly [string, number]]> {
  return new Promise(resolve => client.onData.once((data, from) => resolve([data, from])))
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
