import t from 'tap'
import { type Address, formatAddress } from '../../../src/base/address.ts'
import type { SocketId } from '../../../src/base/ids.ts'
import { echo } from './recorder.ts'
import { type Client, channelFrame, padded, StreamWorld, stunFrame } from './stream-world.ts'

t.test(
  'a message arrives as sent, and the answer on the same connection [STUN-TCP-01 STUN-BIND-04]',
  async t => {
    const world = new StreamWorld(t)
    const client = await world.client(await world.listen())
    world.inbox.answer = batch => {
      echo(batch)
      world.sockets.send(batch)
    }

    client.write(stunFrame(1, 8))
    const answer = await client.read(28)

    t.ok(answer.equals(stunFrame(1, 8)))
    const [received] = world.inbox.all
    t.equal(formatAddress(received!.from), `127.0.0.1:${client.socket.localPort}`)
    t.equal(world.ids.via(received!.socket), 'tcp')
  },
)

t.test('two clients, each octet by octet and in turns, do not mix [STUN-TCP-02 STUN-TCP-03]', async t => {
  const world = new StreamWorld(t)
  const at = await world.listen()
  const clients = [await world.client(at), await world.client(at)] as const
  const sent = [1, 2].map(who => [
    stunFrame(who, 4),
    padded(channelFrame(0x4000 + who, 'x'.repeat(who))),
    stunFrame(who, 0),
    padded(channelFrame(0x4000 + who, '')),
  ])
  const streams = sent.map(frames => Buffer.concat(frames))
  for (let i = 0; i < Math.max(...streams.map(stream => stream.length)); i++) {
    for (const [who, client] of clients.entries()) {
      if (i < streams[who]!.length) client.write(streams[who]!.subarray(i, i + 1))
    }
    // Each octet a segment of its own, and the clients in turns.
    if (i % 8 === 0) await new Promise(resolve => setImmediate(resolve))
  }
  await world.inbox.some(8)

  for (const [who, client] of clients.entries()) {
    const from = `127.0.0.1:${client.socket.localPort}`
    const got = world.inbox.all.filter(one => formatAddress(one.from) === from)
    t.strictSame(
      got.map(one => one.bytes),
      sent[who],
    )
    t.equal(new Set(got.map(one => one.socket)).size, 1)
  }
})

t.test('several frames of one read come in one batch, in order [STUN-TCP-03 STUN-TCP-06]', async t => {
  const world = new StreamWorld(t)
  const client = await world.client(await world.listen())
  const sent = [stunFrame(1), padded(channelFrame(0x4001, 'abcde')), stunFrame(2, 4)]

  client.write(Buffer.concat(sent))
  const got = await world.inbox.some(3)

  t.strictSame(
    got.map(one => one.bytes),
    sent,
  )
  t.strictSame(
    got.map(one => one.together),
    [3, 3, 3],
  )
})

t.test('a long frame between short ones keeps its place, whatever its length', async t => {
  const world = new StreamWorld(t)
  const client = await world.client(await world.listen())
  const sent = [
    stunFrame(1),
    stunFrame(2, 65_532),
    stunFrame(3),
    padded(channelFrame(0x4001, Buffer.alloc(65_535, 4))),
  ]

  client.write(stunFrame(0))
  world.streams.keepClient((await world.inbox.some(1))[0]!.from, true)
  client.write(Buffer.concat(sent))
  const got = await world.inbox.some(5)

  for (const [i, one] of got.slice(1).entries()) t.ok(one.bytes.equals(sent[i]!), `frame ${i}`)
})

t.test(
  'channel data is padded with zeros on its way out, and goes out together [STUN-TCP-03, SEC-21]',
  async t => {
    const world = new StreamWorld(t)
    const client = await world.client(await world.listen())
    client.write(stunFrame(1))
    const { socket, from } = (await world.inbox.some(1))[0]!
    const frames = ['', 'a', 'ab', 'abc', 'abcd', 'abcde'.repeat(1000)].map(text =>
      channelFrame(0x4001, text),
    )

    for (const frame of frames) world.sockets.sendOne(socket, from, frame)
    const expected = Buffer.concat(frames.map(padded))

    t.ok((await client.read(expected.length)).equals(expected))
  },
)

for (const [what, bytes] of [
  ['HTTP', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['SSH', 'SSH-2.0-OpenSSH_9.2\r\n'],
  ['channel data before any message', padded(channelFrame(0x4001, 'hello'))],
  ['TLS where there is no certificate', Buffer.from('16030100050100000100', 'hex')],
  ['octets without meaning', Buffer.alloc(64, 0xff)],
  ['a message without the magic cookie', Buffer.from('000100002112a4430102030405060708090a0b0c', 'hex')],
  ['garbage after a message', Buffer.concat([stunFrame(1), Buffer.alloc(4, 0xff)])],
] as const) {
  t.test(`${what} ends the connection without an answer [STUN-TCP-04, SEC-04, SEC-26]`, async t => {
    const world = new StreamWorld(t)
    const client = await world.client(await world.listen())

    client.write(bytes as Buffer)
    const answer = await client.end()

    t.equal(answer.length, 0)
    t.equal(world.counters.read('dropNotStun'), 1)
    t.equal(world.ids.open, 0)
    t.equal(world.streams.open, 0)
  })
}

t.test('S-17: an answer that is due leaves before a connection is closed for what follows it', async t => {
  const world = new StreamWorld(t)
  const client = await world.client(await world.listen())
  const received = world.inbox.received.bind(world.inbox)
  world.inbox.received = batch => {
    received(batch)
    const { socket, from } = world.inbox.all.at(-1)!
    world.sockets.sendOne(socket, from, stunFrame(2))
  }

  client.write(Buffer.concat([stunFrame(1), Buffer.alloc(4, 0xff)]))
  const answer = await client.end()

  t.ok(answer.equals(stunFrame(2)))
  t.equal(world.counters.read('dropNotStun'), 1)
  await idle(() => world.streams.open === 0)
  t.equal(world.inbox.hangups.length, 1, 'and the shard is told')
})

t.test('a client that hangs up is told of exactly once, and its id is free again', async t => {
  const world = new StreamWorld(t)
  const client = await world.client(await world.listen())
  client.write(stunFrame(1))
  const { socket } = (await world.inbox.some(1))[0]!
  let idsThen = 0
  world.inbox.hungUp = id => {
    idsThen = world.ids.open
    world.inbox.hangups.push(id)
    // What the core asks for then must do no harm.
    world.sockets.close(id)
  }

  client.socket.resetAndDestroy()
  await idle(() => world.streams.open === 0)

  t.strictSame(world.inbox.hangups, [socket])
  t.equal(idsThen, 1, 'the id was not free while the shard was told')
  t.equal(world.ids.open, 0)
  t.equal(world.counters.read('streamOpened'), 1)
  t.equal(world.counters.read('streamClosed'), 1)
})

t.test('a client that the shard hangs up on gets what was sent before, and no hang-up is told', async t => {
  const world = new StreamWorld(t)
  const client = await world.client(await world.listen())
  client.write(stunFrame(1))
  const { socket, from } = (await world.inbox.some(1))[0]!

  world.sockets.sendOne(socket, from, stunFrame(9, 0, 0x0101))
  world.sockets.close(socket)
  world.sockets.sendOne(socket, from, stunFrame(8, 0, 0x0101))
  const answer = await client.end()
  await idle(() => world.streams.open === 0)

  t.ok(answer.equals(stunFrame(9, 0, 0x0101)))
  t.strictSame(world.inbox.hangups, [])
  t.equal(world.ids.open, 0)
})

t.test('a connection that was closed by the first of its frames gives no more of them', async t => {
  const world = new StreamWorld(t)
  const client = await world.client(await world.listen())
  let batches = 0
  world.inbox.answer = batch => {
    batches++
    world.sockets.close(batch.socket[0] as SocketId)
  }

  client.write(Buffer.concat([stunFrame(1, 4000), stunFrame(2, 4000), stunFrame(3, 4000)]))
  await client.end()

  t.equal(batches, 1)
})

t.test('who half-closes still gets the answer [STUN-TCP-05]', async t => {
  const world = new StreamWorld(t)
  const client = await world.client(await world.listen())
  world.inbox.answer = batch => {
    echo(batch)
    world.sockets.send(batch)
  }

  client.socket.end(stunFrame(5, 12))

  t.ok((await client.end()).equals(stunFrame(5, 12)))
})

t.test('a connection stays open while its request waits for an answer [STUN-TCP-05]', async t => {
  const world = new StreamWorld(t)
  const client = await world.client(await world.listen())
  client.write(stunFrame(1))
  const { socket, from } = (await world.inbox.some(1))[0]!

  world.advance(59)
  world.sockets.sendOne(socket, from, stunFrame(1, 0, 0x0101))

  t.equal((await client.read(20)).length, 20)
  t.equal(client.closed, false)
})

t.test('who says nothing for ten seconds is hung up on [SEC-64]', async t => {
  const world = new StreamWorld(t)
  const client = await world.client(await world.listen())
  await idle(() => world.streams.open === 1)

  world.advance(9)
  t.equal(world.streams.open, 1)
  world.advance(1)
  await client.end()

  t.equal(world.inbox.hangups.length, 0, 'the shard never knew')
})

t.test('who opens no allocation within a minute is hung up on, however busy [STUN-TCP-07]', async t => {
  const world = new StreamWorld(t)
  const client = await world.client(await world.listen())
  for (let i = 1; i <= 6; i++) {
    client.write(stunFrame(i))
    await world.inbox.some(i)
    world.advance(9.9)
  }
  t.equal(client.closed, false)

  world.advance(1)
  await client.end()

  t.equal(world.inbox.hangups.length, 1)
})

t.test('a connection with an allocation may be silent, and a minute longer [STUN-TCP-07]', async t => {
  const world = new StreamWorld(t)
  const client = await world.client(await world.listen())
  client.write(stunFrame(1))
  const { from } = (await world.inbox.some(1))[0]!

  world.streams.keepClient(from, true)
  world.advance(3600)
  t.equal(world.ids.open, 1)
  world.streams.keepClient(from, false)
  world.advance(59)
  t.equal(world.ids.open, 1)
  world.advance(1)
  await client.end()

  t.equal(world.inbox.hangups.length, 1)
})

t.test('a client that does not read loses datagrams, and costs no more than its bound [ABU-14]', async t => {
  const world = new StreamWorld(t)
  const client = await world.client(await world.listen())
  client.write(stunFrame(1))
  const { socket, from } = (await world.inbox.some(1))[0]!
  client.socket.pause()
  const packet = channelFrame(0x4001, Buffer.alloc(1196, 7))
  const before = process.memoryUsage().arrayBuffers

  // Far more than the bound and the kernel's buffers at both ends.
  for (let i = 0; i < 400; i++) {
    for (let j = 0; j < 100; j++) world.sockets.sendOne(socket, from, packet)
    await new Promise(resolve => setImmediate(resolve))
  }

  const dropped = world.counters.read('dropSlowStream')
  t.ok(dropped > 20_000, `${dropped} of 40000 dropped`)
  t.ok(process.memoryUsage().arrayBuffers - before < 16 << 20)
  t.equal(client.closed, false)

  client.socket.resume()
  const arrived = await client.read((40_000 - dropped) * 1200)
  t.equal(arrived.length, (40_000 - dropped) * 1200)
  for (let at = 0; at < arrived.length; at += 1200) {
    if (!arrived.subarray(at, at + 1200).equals(packet)) t.fail(`torn at ${at}`)
  }
})

t.test('answers may wait a little longer than datagrams, then the client is hung up on [SEC-64]', async t => {
  const world = new StreamWorld(t)
  const client = await world.client(await world.listen())
  client.write(stunFrame(1))
  const { socket, from } = (await world.inbox.some(1))[0]!
  client.socket.pause()
  const packet = channelFrame(0x4001, Buffer.alloc(1196))
  while (world.counters.read('dropSlowStream') < 1000) {
    for (let j = 0; j < 100; j++) world.sockets.sendOne(socket, from, packet)
    await new Promise(resolve => setImmediate(resolve))
  }

  const dropped = world.counters.read('dropSlowStream')
  world.sockets.sendOne(socket, from, stunFrame(1, 1000, 0x0101))
  t.equal(world.counters.read('dropSlowStream'), dropped, 'an answer is not a datagram')
  world.sockets.sendOne(socket, from, stunFrame(1, 1000, 0x0017))
  t.equal(world.counters.read('dropSlowStream'), dropped + 1, 'a Data indication is one')
  t.equal(world.inbox.hangups.length, 0)

  for (let i = 0; i < 100; i++) world.sockets.sendOne(socket, from, stunFrame(1, 1000, 0x0111))
  await world.inbox.until(() => world.inbox.hangups.length > 0)
  t.strictSame(world.inbox.hangups, [socket])
})

t.test('more connections than allowed are turned away, and places are free again after them', async t => {
  const world = new StreamWorld(t, { connections: 3, connectionsPerAddress: 2 })
  const at = await world.listen()
  const clients = [await kept(world, at), await kept(world, at)]

  const third = await world.client(at)
  await third.end()
  t.equal(world.counters.read('streamRefused'), 1)

  clients[0]!.socket.destroy()
  await idle(() => world.streams.open === 1)
  const fourth = await world.client(at)
  fourth.write(stunFrame(4))
  await world.inbox.some(3)
  t.equal(world.counters.read('streamRefused'), 1)
})

t.test('S-04: when all places are taken, the oldest connection without an allocation goes', async t => {
  const world = new StreamWorld(t, { connections: 4, connectionsPerAddress: 4 })
  const at = await world.listen()
  const call = await kept(world, at)
  const strangers: Client[] = []
  for (let i = 0; i < 20; i++) {
    strangers.push(await world.client(at))
    await idle(() => world.counters.read('streamOpened') === i + 2)
  }

  await Promise.all(strangers.slice(0, 17).map(stranger => stranger.end()))
  t.equal(world.streams.open, 4)
  t.equal(world.counters.read('streamRefused'), 0)
  t.notOk(call.closed)
  t.same(
    strangers.slice(17).map(stranger => stranger.closed),
    [false, false, false],
  )
})

t.test(
  'S-04: a customer whose share is used up makes room for itself, not at the cost of others',
  async t => {
    const world = new StreamWorld(t, { connections: 10, connectionsPerAddress: 2 })
    const at = await world.listen()
    const neighbour = await world.client(at, '127.0.0.2')
    const many: Client[] = []
    for (let i = 0; i < 8; i++) many.push(await world.client(at, '127.0.0.3'))
    await Promise.all(many.slice(0, 6).map(one => one.end()))

    t.equal(world.streams.open, 3)
    t.notOk(neighbour.closed)
  },
)

t.test('S-04: a network has four times the share of a customer, and makes room in itself', async t => {
  const world = new StreamWorld(t, { connections: 100, connectionsPerAddress: 2 })
  const at = await world.listen()
  const other = await world.client(at, '127.0.1.1')
  const many: Client[] = []
  for (let i = 0; i < 20; i++) many.push(await world.client(at, `127.0.0.${10 + i}`))
  await Promise.all(many.slice(0, 12).map(one => one.end()))

  t.equal(world.streams.open, 9)
  t.notOk(other.closed)
})

t.test('S-04: a client without an allocation has no more than 2 kB kept for it', async t => {
  const world = new StreamWorld(t)
  const at = await world.listen()
  const stranger = await world.client(at)
  stranger.write(stunFrame(1, 2028).subarray(0, 60))
  stranger.write(stunFrame(1, 2028).subarray(60))
  t.equal((await world.inbox.some(1))[0]!.bytes.length, 2048)

  const greedy = await world.client(at)
  greedy.write(stunFrame(2, 65_532).subarray(0, 65_000))
  await greedy.end()
  t.equal(world.inbox.all.length, 1)
})

t.test('a port in use is an error for whoever asked', async t => {
  const world = new StreamWorld(t)
  const at = await world.listen()

  const error = await world.listen('tcp', formatAddress(at)).catch(error => error)

  t.equal(error.code, 'EADDRINUSE')
})

t.test('stopping closes listeners and connections, and tells nobody', async t => {
  const world = new StreamWorld(t)
  const at = await world.listen()
  const client = await world.client(at)
  client.write(stunFrame(1))
  await world.inbox.some(1)

  world.streams.stop()
  await client.end()

  t.strictSame(world.inbox.hangups, [])
  t.equal(world.ids.open, 0)
  await t.rejects(world.client(at), { code: 'ECONNREFUSED' })
})

/** A client with an allocation. */
async function kept(world: StreamWorld, at: Address): Promise<Client> {
  const client = await world.client(at)
  client.write(stunFrame(1))
  const all = await world.inbox.some(world.inbox.all.length + 1)
  world.streams.keepClient(all.at(-1)!.from, true)
  return client
}

/** Lets the event loop turn until `holds`. */
async function idle(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(resolve => setImmediate(resolve))
}
