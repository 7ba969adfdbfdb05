import { once } from 'node:events'
import { type AddressInfo, createServer, connect as dial, type Socket } from 'node:net'
import t from 'tap'
import { connect, query } from '../../../src/library/client.ts'
import {
  InvalidConfiguration,
  type LogLine,
  type RunningRelay,
  startRelay,
} from '../../../src/library/relay.ts'
import * as stun from '../../../src/library/stun.ts'

const LOOPBACK = {
  realm: 'example.org',
  listen: ['udp://127.0.0.1:0', 'tcp://127.0.0.1:0'],
  relay: { addresses: ['127.0.0.1'] },
}

t.test('two clients of a relay in this process talk to each other, over UDP and TCP', async t => {
  const relay = await startRelay({ configuration: LOOPBACK })
  t.equal(relay.urls.length, 2)
  for (const url of relay.urls) {
    const [alice, bob] = await Promise.all([open(relay, url, 'alice'), open(relay, url, 'bob')])
    await alice.connection.bindChannel(bob.at)
    await bob.connection.permit(alice.at)
    t.equal(relay.allocations, 2)

    alice.connection.send(bob.at, Buffer.from('hello'))
    const [payload, peer] = await once(bob.connection, 'data')

    t.equal(String(payload), 'hello')
    t.same(peer, alice.at)
    await Promise.all([alice.connection.close(), bob.connection.close()])
  }
  t.equal(relay.allocations, 0)
  await relay.stop()
})

t.test('several relays run in one process, and one that stops takes nothing from the others', async t => {
  const relays = await Promise.all([1, 2, 3].map(() => startRelay({ configuration: LOOPBACK })))
  await relays[0]!.stop()
  await relays[0]!.stop()

  for (const relay of relays.slice(1)) {
    const { address } = await query(relay.urls[0]!)
    t.equal(address, '127.0.0.1')
  }
  const { connection } = await open(relays[1]!, relays[1]!.urls[0]!, 'alice')
  await connection.close()
  await t.rejects(open(relays[1]!, relays[2]!.urls[0]!, 'alice'), { code: 'REJECTED', status: 401 })
  await Promise.all(relays.map(relay => relay.stop()))
})

t.test('a configuration that is wrong is refused with every fault in a sentence', async t => {
  const error = await startRelay({
    configuration: { ...LOOPBACK, relm: 'x', workers: 'many' } as object,
  }).catch(error => error)
  t.ok(error instanceof InvalidConfiguration)
  t.equal(error.code, 'INVALID_CONFIGURATION')
  t.equal(error.problems.length, 2)
  t.match(error.problems.join('\n'), /relm.*realm/)
})

t.test('an address that is in use is told with a stable code', async t => {
  const relay = await startRelay({ configuration: LOOPBACK })
  const { port } = relay.listening.find(({ transport }) => transport === 'tcp')!
  const again = { ...LOOPBACK, listen: [`tcp://127.0.0.1:${port}`] }
  await t.rejects(startRelay({ configuration: again }), { name: 'TaciturnError', code: 'CANNOT_START' })
  await relay.stop()
})

t.test('log lines are handed over as values, and never with a user in clear', async t => {
  const lines: LogLine[] = []
  const relay = await startRelay({ configuration: LOOPBACK, log: line => lines.push(line) })
  const { connection } = await open(relay, relay.urls[0]!, 'alice')
  await connection.close()
  await relay.stop()
  t.ok(lines.some(({ message, level }) => message === 'opened' && level === 'info'))
  t.notMatch(JSON.stringify(lines), /alice/)
})

t.test('a relay that stops is told to its clients', async t => {
  const relay = await startRelay({ configuration: LOOPBACK })
  const { connection } = await open(relay, relay.urls[1]!, 'alice')
  const lost = once(connection, 'lost')
  await relay.stop()
  t.match((await lost)[0], { code: 'CLOSED' })
  t.throws(() => connection.send({ address: '127.0.0.1', port: 9 }, Buffer.from('x')), { code: 'CLOSED' })
})

t.test('a client takes its allocation along to another socket and another transport', async t => {
  const relay = await startRelay({ configuration: LOOPBACK })
  const [udp, tcp] = relay.urls as [string, string]
  const bob = await open(relay, udp, 'bob')
  const connection = await connect(udp, relay.credential({ user: 'alice' }))
  const granted = await connection.allocate({ mobility: true })
  t.equal(granted.mobile, true)
  const at = granted.relayed[0]!
  await connection.bindChannel(bob.at)
  await bob.connection.permit(at)

  for (const [i, uri] of [tcp, undefined, udp].entries()) {
    await connection.move(uri)
    const old = once(connection, 'data')
    bob.connection.send(at, Buffer.from(`old ${i}`))
    t.equal(String((await old)[0]), `old ${i}`, 'data comes before anything was sent')
    connection.send(bob.at, Buffer.from(`from ${i}`))
    t.equal(String((await once(bob.connection, 'data'))[0]), `from ${i}`)
    const next = once(connection, 'data')
    bob.connection.send(at, Buffer.from(`new ${i}`))
    t.equal(String((await next)[0]), `new ${i}`)
  }
  t.same(connection.relayed, [at])
  await connection.close()
  t.equal(relay.allocations, 1)
  await bob.connection.close()
  await relay.stop()
})

t.test('a connection that breaks is interrupted, and goes on where it moves to', async t => {
  const relay = await startRelay({ configuration: LOOPBACK })
  const [udp, tcp] = relay.urls as [string, string]
  const way = await startHop(tcp)
  const connection = await connect(way.uri, relay.credential({ user: 'alice' }))
  const { relayed } = await connection.allocate({ mobility: true })
  const interrupted = once(connection, 'interrupted')
  way.cut()
  t.match((await interrupted)[0], { code: 'CLOSED' })
  await connection.move(udp)
  t.same(connection.relayed, relayed)
  t.equal(relay.allocations, 1)
  await connection.close()
  t.equal(relay.allocations, 0)
  await relay.stop()
})

t.test('who has no ticket cannot move, and stays where it is', async t => {
  const relay = await startRelay({ configuration: { ...LOOPBACK, protocol: { mobility: false } } })
  const { connection } = await open(relay, relay.urls[0]!, 'alice')
  await t.rejects(connection.move(), { code: 'REJECTED' })
  await connection.binding()
  await connection.close()
  const other = await connect(relay.urls[0]!, relay.credential({ user: 'alice' }))
  await t.rejects(other.allocate({ mobility: true }), { code: 'REJECTED', status: 405 })
  await other.close()
  await relay.stop()
})

t.test('what cannot be reached or is not an address has a code of its own', async t => {
  await t.rejects(connect('http://example.org'), { code: 'INVALID_URI' })
  const relay = await startRelay({ configuration: LOOPBACK })
  const { connection } = await open(relay, relay.urls[0]!, 'alice')
  await t.rejects(connection.permit({ address: 'example.org', port: 1 }), { code: 'INVALID_ADDRESS' })
  await t.rejects(connection.permit({ address: '10.0.0.1', port: 1 }), { code: 'REJECTED', status: 403 })
  await connection.close()
  await relay.stop()
  const { port } = relay.listening.find(({ transport }) => transport === 'tcp')!
  await t.rejects(connect(`turn:127.0.0.1:${port}?transport=tcp`), { name: 'CannotConnect', why: 'refused' })
})

t.test('the codec is there by itself', async t => {
  const request = new stun.MessageWriter('request', stun.Method.Binding, Buffer.alloc(12)).finish()
  t.match(stun.parse(request), { kind: 'message', method: stun.Method.Binding })
})

async function open(relay: RunningRelay, url: string, user: string) {
  const connection = await connect(url, relay.credential({ user }))
  try {
    const { relayed } = await connection.allocate()
    return { connection, at: relayed[0]! }
  } catch (error) {
    await connection.close()
    throw error
  }
}

/** A way to a TCP listener that can be cut. */
async function startHop(uri: string) {
  const port = Number(/:([0-9]+)\?/.exec(uri)![1])
  const sockets: Socket[] = []
  const server = createServer(from => {
    const to = dial({ host: '127.0.0.1', port })
    sockets.push(from, to)
    for (const socket of [from, to]) socket.on('error', () => {})
    from.pipe(to)
    to.pipe(from)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const here = server.address() as AddressInfo
  return {
    uri: uri.replace(`:${port}?`, `:${here.port}?`),
    cut: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
