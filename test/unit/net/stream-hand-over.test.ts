import t, { type Test } from 'tap'
import type { Address } from '../../../src/base/address.ts'
import type { SocketId } from '../../../src/base/ids.ts'
import { loadAddon } from '../../../src/system/native-addon.ts'
import { type Client, channelFrame, padded, StreamWorld, stunFrame } from './stream-world.ts'

if (!loadAddon().ok) {
  t.comment('descriptors cannot be handed over without the addon')
  process.exit(0)
}

/** Lets what is under way arrive. */
async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise(resolve => setImmediate(resolve))
}

/** Hands everything from one transport to another, as from one process to the next. */
function handOver(from: StreamWorld, to: StreamWorld): { listeners: number; connections: number } {
  from.streams.pause(true)
  const listeners = from.streams.giveListeners()
  const connections = from.streams.giveConnections()
  for (const listener of listeners) void to.streams.listen(listener)
  for (const connection of connections) to.streams.adopt(connection)
  return { listeners: listeners.length, connections: connections.length }
}

/** The same while both have every connection, until `finish`. */
async function goAhead(from: StreamWorld, to: StreamWorld): Promise<{ finish: () => void }> {
  to.streams.pause(true)
  const listeners = from.streams.giveListeners()
  for (const connection of from.streams.duplicateConnections()) to.streams.adopt(connection)
  await turns()
  const finish = () => {
    from.streams.pause(true)
    const rest = from.streams.giveRest()
    to.streams.takeRest(rest)
    for (const listener of listeners) void to.streams.listen(listener)
    to.streams.pause(false)
    for (const one of rest) {
      if (!one) continue
      one.close()
      loadedAddon().release(one.fd)
    }
  }
  return { finish }
}

function loadedAddon() {
  const addon = loadAddon()
  if (!addon.ok) throw new Error(addon.error)
  return addon.value
}

/** A connection of a TURN client whose allocation is kept alive, and by which the shard knows it. */
async function talking(
  world: StreamWorld,
  at: Address,
): Promise<{ client: Client; id: SocketId; from: Address }> {
  const client = await world.client(at)
  client.write(stunFrame(1))
  await world.inbox.some(1)
  const { socket, from } = world.inbox.all.at(-1)!
  world.streams.keepClient(from, true)
  return { client, id: socket, from }
}

async function pair(t: Test): Promise<{ one: StreamWorld; two: StreamWorld; at: Address }> {
  const one = new StreamWorld(t)
  const two = new StreamWorld(t)
  return { one, two, at: await one.listen() }
}

t.test('a connection goes on elsewhere with what was half read, under the id that it had', async t => {
  const { one, two, at } = await pair(t)
  const { client, id } = await talking(one, at)
  const frame = padded(channelFrame(0x4000, 'half of it comes before, half of it after'))

  client.write(frame.subarray(0, 11))
  await turns()
  t.same(handOver(one, two), { listeners: 1, connections: 1 })
  client.write(frame.subarray(11))
  await two.inbox.some(1)

  t.ok(two.inbox.all[0]!.bytes.equals(frame.subarray(0, two.inbox.all[0]!.bytes.length)))
  t.equal(two.inbox.all[0]!.socket, id)
  t.equal(two.ids.via(id), 'tcp')
  t.equal(one.streams.open, 0)
  t.same(one.inbox.hangups, [], 'the first shard has not been told of an end')
  t.notOk(client.closed)
})

t.test(
  'two processes have a connection, and one of them reads it, until the other goes on with the rest',
  async t => {
    const { one, two, at } = await pair(t)
    const { client, id, from } = await talking(one, at)
    const texts = ['read by the first', 'half of it by each', 'read by the second']
    const frames = texts.map(text => padded(channelFrame(0x4000, text)))
    const { finish } = await goAhead(one, two)

    client.write(Buffer.concat([frames[0]!, frames[1]!.subarray(0, 9)]))
    await one.inbox.some(2)
    one.sockets.sendOne(id, from, padded(channelFrame(0x4001, 'to the client')))
    await turns()
    t.equal(two.inbox.all.length, 0)
    finish()
    client.write(Buffer.concat([frames[1]!.subarray(9), frames[2]!]))
    await two.inbox.some(2)

    t.same(
      two.inbox.all.map(({ bytes }) => bytes.subarray(4).toString().replace(/\0+$/, '')),
      texts.slice(1),
    )
    t.equal(two.inbox.all[0]!.socket, id)
    t.equal(one.inbox.all.length, 2)
    t.equal(one.streams.open, 0)
    t.same(one.inbox.hangups, [])
    two.sockets.sendOne(id, from, padded(channelFrame(0x4001, 'and again')))
    await turns()
    t.match(client.received.toString('latin1'), /to the client.*and again/s)
    t.notOk(client.closed)
  },
)

t.test(
  'a connection that ends in between, or whose first frame comes then, is as it would be without',
  async t => {
    const { one, two, at } = await pair(t)
    const gone = await talking(one, at)
    const late = await one.client(at)
    await turns()
    const { finish } = await goAhead(one, two)
    gone.client.socket.end()
    late.write(stunFrame(2))
    await one.inbox.some(2)
    await turns()
    const { socket: id } = one.inbox.all.at(-1)!
    t.same(one.inbox.hangups, [gone.id])
    finish()
    late.write(stunFrame(3))
    await two.inbox.some(1)
    await turns()
    t.equal(two.inbox.all[0]!.socket, id, 'by the id that it got meanwhile')
    t.equal(two.inbox.all.length, 1)
    t.same(two.inbox.hangups, [gone.id])
    t.notOk(late.closed)
  },
)

t.test('what a client has not read yet comes in order and once from whoever goes on', async t => {
  const { one, two, at } = await pair(t)
  const { client, id, from } = await talking(one, at)
  client.socket.pause()
  for (let mark = 0; one.streams.dropped(id) === 0; mark++) {
    one.sockets.sendOne(id, from, padded(channelFrame(0x4000, Buffer.alloc(1000, mark & 255))))
    if (mark % 16 === 15) await turns(2)
  }
  const { finish } = await goAhead(one, two)
  finish()
  t.ok(two.streams.dropped(id) > 0, 'what it has lost is still counted')
  two.sockets.sendOne(id, from, padded(channelFrame(0x4002, 'the last')))
  client.socket.resume()
  while (!client.received.includes('the last')) await turns(2)
  const { received } = client
  let mark = 0
  for (let i = 0; i + 1004 <= received.length - 12; i += 1004) {
    t.equal(received[i + 4], mark & 255)
    mark++
  }
  t.ok(mark > 100)
})

t.test('what is read after the pause is handled once, by the one who takes over', async t => {
  const { one, two, at } = await pair(t)
  const { client } = await talking(one, at)
  const before = one.inbox.all.length
  const frames = ['first', 'second'].map(text => padded(channelFrame(0x4000, text)))

  one.streams.pause(true)
  client.write(Buffer.concat([frames[0]!, frames[1]!.subarray(0, 6)]))
  // Node.js reads on into its own memory for a while.
  await turns()
  handOver(one, two)
  client.write(frames[1]!.subarray(6))
  await two.inbox.some(2)

  t.equal(one.inbox.all.length, before)
  t.same(
    two.inbox.all.map(({ bytes }) => bytes.subarray(4).toString().replace(/\0+$/, '')),
    ['first', 'second'],
  )
})

t.test('what was read before is handled once all connections are there, and not as each comes', async t => {
  const { one, two, at } = await pair(t)
  const { client } = await talking(one, at)
  one.streams.pause(true)
  client.write(padded(channelFrame(0x4000, 'for a connection that is not here yet')))
  await turns()
  const [connection] = one.streams.giveConnections()
  t.ok(connection!.unread.length > 0)

  two.streams.pause(true)
  two.streams.adopt(connection!)
  t.equal(two.inbox.all.length, 0)
  await turns()
  t.equal(two.inbox.all.length, 0)
  two.streams.pause(false)
  await two.inbox.some(1)
  t.equal(two.inbox.all.length, 1)
})

t.test('what a client is slow to read reaches it in order, whoever sends it', async t => {
  const { one, two, at } = await pair(t)
  const { client, id, from } = await talking(one, at)
  client.socket.pause()
  const sent: Buffer[] = []
  const send = (world: StreamWorld, mark: number) => {
    const frame = padded(channelFrame(0x4000, Buffer.alloc(1000, mark)))
    world.sockets.sendOne(id, from, frame)
    sent.push(frame)
  }

  // As much as the kernel takes, and more, of which the transport drops nothing yet.
  const dropped = () => one.streams.dropped(id)
  for (let mark = 0; dropped() === 0; mark++) {
    send(one, mark & 255)
    if (mark % 16 === 15) await turns(2)
  }
  sent.pop()
  handOver(one, two)
  await turns()
  client.socket.resume()
  const wanted = Buffer.concat(sent)
  const got = await client.read(wanted.length)
  send(two, 7)

  t.equal(got.length, wanted.length)
  t.ok(got.equals(wanted), 'not an octet is lost, doubled or out of place')
  t.ok((await client.read(wanted.length + 1004)).subarray(wanted.length).equals(sent.at(-1)!))
})

t.test('who has only connected, and who connects meanwhile, is served by the next', async t => {
  const { one, two, at } = await pair(t)
  const early = await one.client(at)
  await turns()
  handOver(one, two)
  const late = await two.client(at)

  early.write(stunFrame(1))
  late.write(stunFrame(2))
  await two.inbox.some(2)

  t.equal(two.streams.open, 2)
  t.equal(one.streams.open, 0)
})

t.test('what was given can be taken back', async t => {
  const { one, at } = await pair(t)
  const { client, id } = await talking(one, at)

  one.streams.pause(true)
  const listeners = one.streams.giveListeners()
  const connections = one.streams.giveConnections()
  client.write(stunFrame(3))
  for (const listener of listeners) await one.streams.listen(listener)
  for (const connection of connections) one.streams.adopt(connection)
  one.streams.pause(false)
  await one.inbox.some(2)

  t.equal(one.inbox.all[1]!.socket, id)
  t.equal(one.streams.open, 1)
  t.equal(one.ids.open, 1)
})
