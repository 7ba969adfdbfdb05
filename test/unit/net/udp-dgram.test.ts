import dgram from 'node:dgram'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import {
  type Address,
  address,
  formatAddress,
  parseAddress,
  parseIp,
  writeRecord,
} from '../../../src/base/address.ts'
import { createBatch, HEADROOM, SEND } from '../../../src/base/batch.ts'
import { Counters } from '../../../src/base/counters.ts'
import { SocketIds } from '../../../src/net/socket-ids.ts'
import { AllSockets } from '../../../src/net/sockets.ts'
import type { Bind, BoundSocket } from '../../../src/net/transport.ts'
import { DgramTransport } from '../../../src/net/udp/dgram.ts'
import { echo, Recorder } from './recorder.ts'

const hasIp6 = await canBind('::1')

t.test('a datagram comes up behind headroom with its source, and goes back out', async t => {
  const { udp, inbox, sockets } = open(t)
  const { socket, local } = await bind(udp, '127.0.0.1:0')
  const client = await peer(t, '127.0.0.1')
  let start = 0
  inbox.answer = batch => {
    start = batch.start[0]!
    echo(batch)
    sockets.send(batch)
  }

  client.send('hello', local.port, '127.0.0.1')
  const [answer, from] = (await once(client, 'message')) as [Buffer, dgram.RemoteInfo]

  t.equal(start, HEADROOM)
  t.equal(answer.toString(), 'hello')
  t.equal(from.port, local.port)
  t.equal(inbox.all[0]!.socket, socket)
  t.equal(formatAddress(inbox.all[0]!.from), `127.0.0.1:${client.address().port}`)
})

t.test('each answer leaves from the address and port that was asked [STUN-BIND-03]', async t => {
  const { udp, inbox, sockets } = open(t)
  inbox.answer = batch => {
    echo(batch)
    sockets.send(batch)
  }
  const client = await peer(t, '127.0.0.1')
  for (const ip of ['127.0.0.1', '127.0.0.2', '127.0.0.3']) {
    const { local } = await bind(udp, `${ip}:0`)

    client.send('who', local.port, ip)
    const [, from] = (await once(client, 'message')) as [Buffer, dgram.RemoteInfo]

    t.strictSame([from.address, from.port], [ip, local.port])
  }
})

t.test('IPv6 clients are served, by a socket that takes no IPv4 [STUN-BIND-12]', ip6(), async t => {
  const { udp, inbox, sockets } = open(t)
  inbox.answer = batch => {
    echo(batch)
    sockets.send(batch)
  }
  const six = await bind(udp, '[::]:0')
  const four = await bind(udp, `127.0.0.1:${six.local.port}`)
  const client6 = await peer(t, '::1')
  const client4 = await peer(t, '127.0.0.1')

  client6.send('six', six.local.port, '::1')
  await once(client6, 'message')
  client4.send('four', six.local.port, '127.0.0.1')
  await once(client4, 'message')

  t.strictSame(
    inbox.all.map(one => [one.socket, one.from.family, one.bytes.toString()]),
    [
      [six.socket, 6, 'six'],
      [four.socket, 4, 'four'],
    ],
  )
})

t.test('a core answer is sent to the address it names, and its octets are free afterwards', async t => {
  const { udp, sockets } = open(t)
  const { socket } = await bind(udp, '127.0.0.1:0')
  const client = await peer(t, '127.0.0.1')
  const bytes = Buffer.from('answer')

  sockets.sendOne(socket, addressOf(client), bytes)
  bytes.fill('x')
  const [answer] = (await once(client, 'message')) as [Buffer]

  t.equal(answer.toString(), 'answer')
})

t.test('slots of a foreign batch leave by the sockets they name, the others stay', async t => {
  const { udp, sockets } = open(t)
  const a = await bind(udp, '127.0.0.1:0')
  const b = await bind(udp, '127.0.0.2:0', 'relay')
  const client = await peer(t, '127.0.0.1')
  const batch = createBatch(3, 100)
  for (const [i, socket] of [a.socket, b.socket, a.socket].entries()) {
    batch.start[i] = i * batch.stride + HEADROOM
    batch.length[i] = batch.bytes.write(`slot ${i}`, batch.start[i])
    batch.socket[i] = socket
    writeRecord(addressOf(client), batch.remote, i * 20)
    batch.verdict[i] = i < 2 ? SEND : 2
  }
  batch.count = 3

  const came: string[] = []
  const both = new Promise<void>(resolve => {
    client.on('message', (bytes, from) => {
      if (came.push(`${bytes} from ${from.address}`) === 2) resolve()
    })
  })
  sockets.send(batch)
  await both

  t.strictSame(came.sort(), ['slot 0 from 127.0.0.1', 'slot 1 from 127.0.0.2'])
})

t.test('datagrams of every size pass whole, empty ones too', async t => {
  const { udp, inbox, sockets } = open(t)
  const { local } = await bind(udp, '127.0.0.1:0')
  const client = await peer(t, '127.0.0.1')
  inbox.answer = batch => {
    echo(batch)
    sockets.send(batch)
  }
  for (const size of [0, 1, 3, 1500, 9000, 65_507]) {
    const sent = Buffer.alloc(size, size)

    client.send(sent, local.port, '127.0.0.1')
    const [answer] = (await once(client, 'message')) as [Buffer]

    t.ok(answer.equals(sent), `${size} octets`)
  }
})

t.test('a dead peer closes neither the relay socket nor the process [TURN-ICMP-05, NODE-02]', async t => {
  const { udp, inbox, sockets } = open(t)
  const { socket, local } = await bind(udp, '127.0.0.1:0', 'relay')
  const dead = await peer(t, '127.0.0.1')
  const gone = addressOf(dead)
  dead.close()
  const live = await peer(t, '127.0.0.1')

  for (let i = 0; i < 50; i++) sockets.sendOne(socket, gone, Buffer.from('anyone?'))
  live.send('still there', local.port, '127.0.0.1')
  await inbox.some(1)

  t.strictSame(inbox.texts, ['still there'])
  t.equal(udp.owns(socket), true)
})

t.test('a datagram that cannot be sent is counted and nothing is thrown [NODE-02, SEC-64]', async t => {
  const { udp, sockets, counters } = open(t)
  const { socket } = await bind(udp, '127.0.0.1:0', 'relay')

  sockets.sendOne(socket, parseAddress('127.0.0.1:0')!, Buffer.from('to port 0'))
  t.equal(counters.read('peerError'), 1)

  // A socket on loopback has no way to the world, whatever routes the machine has.
  sockets.sendOne(socket, parseAddress('255.255.255.255:9')!, Buffer.from('broadcast'))
  await new Promise(resolve => setImmediate(resolve))
  t.equal(counters.read('peerError'), 2)
})

t.test('an address of the wrong family is an error to count, not to throw', ip6(), async t => {
  const { udp, sockets, counters } = open(t)
  const { socket } = await bind(udp, '127.0.0.1:0', 'relay')

  sockets.sendOne(socket, parseAddress('[::1]:9')!, Buffer.from('six by four'))
  await new Promise(resolve => setImmediate(resolve))

  t.equal(counters.read('peerError'), 1)
})

t.test('what libuv has to queue is bounded, and whole when it leaves [NODE-03]', async t => {
  const { udp, inbox, sockets, counters } = open(t)
  const { socket, local } = await bind(udp, '127.0.0.1:0', 'relay')
  const client = await peer(t, '127.0.0.1')
  // Stands in for a kernel that takes nothing: the queue is full when asked.
  const { getSendQueueSize } = dgram.Socket.prototype
  t.teardown(() => {
    dgram.Socket.prototype.getSendQueueSize = getSendQueueSize
  })
  dgram.Socket.prototype.getSendQueueSize = () => 256 << 10
  const first = inbox.some(1)
  inbox.answer = batch => {
    echo(batch)
    sockets.send(batch)
  }

  client.send('one', local.port, '127.0.0.1')
  await first
  t.equal(counters.read('dropSendQueue'), 0)
  sockets.sendOne(socket, addressOf(client), Buffer.from('two'))
  t.equal(counters.read('dropSendQueue'), 1)
  client.send('three', local.port, '127.0.0.1')
  await inbox.some(2)
  t.equal(counters.read('dropSendQueue'), 2)

  dgram.Socket.prototype.getSendQueueSize = getSendQueueSize
  client.send('four', local.port, '127.0.0.1')
  await inbox.some(3)
  t.equal(counters.read('dropSendQueue'), 2)
})

t.test('a port in use is an error for whoever asked, and leaves nothing open', async t => {
  const { udp, ids } = open(t)
  const { local } = await bind(udp, '127.0.0.1:0')

  const error = await bind(udp, formatAddress(local)).catch(error => error)

  t.equal(error.code, 'EADDRINUSE')
  t.equal(ids.open, 1)
})

t.test('an address that is not ours is an error for whoever asked', async t => {
  const { udp } = open(t)

  const error = await bind(udp, '192.0.2.77:0').catch(error => error)

  t.equal(error.code, 'EADDRNOTAVAIL')
})

t.test('a file descriptor that is no UDP socket is an error for whoever asked', async t => {
  const { udp } = open(t)

  const error = await bind(udp, '127.0.0.1:0', 'listener', { fd: 1_000_000 }).catch(error => error)

  t.type(error, Error)
})

t.test('a closed socket receives nothing, sends nothing, and its port is free', async t => {
  const { udp, sockets, ids } = open(t)
  const { socket, local } = await bind(udp, '127.0.0.1:0')

  sockets.close(socket)
  sockets.close(socket)
  sockets.sendOne(socket, parseAddress('127.0.0.1:9')!, Buffer.from('late'))

  t.equal(ids.open, 0)
  t.equal(udp.owns(socket), false)
  const again = await bind(udp, formatAddress(local))
  t.equal(again.local.port, local.port)
})

t.test('sockets have the buffers that the kernel grants', async t => {
  const { udp } = open(t)

  const small = await bind(udp, '127.0.0.1:0', 'relay', { receiveBuffer: 16 << 10 })
  const huge = await bind(udp, '127.0.0.1:0', 'relay', { receiveBuffer: 2 ** 30, sendBuffer: 2 ** 30 })

  t.ok(small.receiveBuffer! >= 16 << 10)
  t.ok(huge.receiveBuffer! >= small.receiveBuffer!)
})

t.test('stopping closes every socket', async t => {
  const { udp, ids } = open(t)
  for (let i = 0; i < 5; i++) await bind(udp, '127.0.0.1:0', 'relay')

  udp.stop()

  t.equal(ids.open, 0)
})

interface Opened {
  readonly udp: DgramTransport
  readonly inbox: Recorder
  readonly sockets: AllSockets
  readonly ids: SocketIds
  readonly counters: Counters
}

function open(t: Test): Opened {
  const ids = new SocketIds()
  const inbox = new Recorder()
  const counters = new Counters()
  const udp = new DgramTransport(ids, inbox, counters)
  t.teardown(() => udp.stop())
  return { udp, inbox, sockets: new AllSockets(ids, [udp]), ids, counters }
}

async function bind(
  udp: DgramTransport,
  at: string,
  purpose: Bind['purpose'] = 'listener',
  more: Partial<Bind> = {},
): Promise<BoundSocket> {
  const bound = await udp.bind({ address: parseAddress(at)!, purpose, ...more })
  if (!bound.ok) throw bound.error
  return bound.value
}

async function peer(t: Test, host: string): Promise<dgram.Socket> {
  const socket = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4')
  socket.bind(0, host)
  await once(socket, 'listening')
  let closed = false
  socket.on('close', () => {
    closed = true
  })
  t.teardown(() => closed || socket.close())
  return socket
}

function addressOf(socket: dgram.Socket): Address {
  const { address: host, port } = socket.address()
  return address(parseIp(host)!, port)
}

async function canBind(host: string): Promise<boolean> {
  const socket = dgram.createSocket('udp6')
  try {
    socket.bind(0, host)
    await once(socket, 'listening')
    return true
  } catch {
    return false
  } finally {
    socket.close()
  }
}

function ip6(): { skip?: string } {
  return hasIp6 ? {} : { skip: 'this machine has no IPv6 loopback' }
}
