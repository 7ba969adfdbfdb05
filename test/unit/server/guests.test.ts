import t from 'tap'
import {
  type ClientAddress,
  parseAddress,
  RECORD,
  readRecord,
  writeRecord,
} from '../../../src/base/address.ts'
import { createBatch, DROP, HEADROOM, PASS, SEND } from '../../../src/base/batch.ts'
import type { AllocationId, SocketId } from '../../../src/base/ids.ts'
import type { Input } from '../../../src/core/input.ts'
import { SocketIds } from '../../../src/net/socket-ids.ts'
import type { NetInbox, Transport } from '../../../src/net/transport.ts'
import type { GuestMessage } from '../../../src/relay/guests/guest-message.ts'
import { Guests } from '../../../src/relay/guests/guests.ts'

const ALICE = parseAddress('192.0.2.10:50000') as ClientAddress
const BOB = parseAddress('192.0.2.11:50000') as ClientAddress
const ALLOCATION = 7 as AllocationId

/** One shard: what its core is handed, and what leaves by its sockets. */
class Place {
  readonly ids = new SocketIds()
  readonly taken: Input[] = []
  readonly came: string[] = []
  readonly hungUp: SocketId[] = []
  readonly sent: string[] = []
  readonly kept: boolean[] = []
  readonly guests: Guests

  constructor(post: (message: GuestMessage) => void) {
    const inbox: NetInbox = {
      received: batch => {
        for (let i = 0; i < batch.count; i++) {
          if (batch.verdict[i] === PASS)
            this.came.push(
              readRecord(batch.remote, i * RECORD)
                .ip.at(-1)!
                .toString(),
            )
        }
      },
      hungUp: socket => this.hungUp.push(socket),
      unreachable: () => {},
    }
    this.guests = new Guests(this.ids, {
      inbox,
      post: {
        refer: (_, message) => post(message),
        to: (_, message) => post(message),
        toAll: post,
        door() {},
      },
      take: input => this.taken.push(input),
      sockets: () => ({ sendOne: (socket, _, bytes) => void this.sent.push(`${socket} ${bytes}`) }),
      keep: (_, on) => void this.kept.push(on),
    })
  }
}

/** Two shards; the first has a socket, the second an allocation. */
function start(via: 'udp' | 'tls') {
  const door: Place = new Place(message => host.guests.take(0, structuredClone(message)))
  const host: Place = new Place(message => door.guests.take(1, structuredClone(message)))
  const socket = door.ids.take({} as Transport, via)
  const client = { socket, address: ALICE, via }
  door.guests.door.refer({ allocation: ALLOCATION, client, bytes: Buffer.from('refresh') })
  const [input] = host.taken
  if (input?.kind !== 'datagram') throw new Error('nothing was referred')
  return { door, host, socket, input }
}

/** A batch with a datagram of each of these. */
function batchOf(socket: SocketId, ...from: readonly ClientAddress[]) {
  const batch = createBatch(from.length, 100)
  for (const [i, address] of from.entries()) {
    batch.start[i] = i * batch.stride + HEADROOM
    batch.length[i] = batch.bytes.write('data', batch.start[i])
    batch.socket[i] = socket
    writeRecord(address, batch.remote, i * RECORD)
  }
  batch.count = from.length
  return batch
}

t.test('a request is referred with its transport, and answered by the socket that it came on', async t => {
  const { door, host, socket, input } = start('tls')
  t.match(input, { via: 'tls', isReferred: true, bytes: Buffer.from('refresh') })
  host.guests.transport.sendOne(input.socket, ALICE, Buffer.from('answer'))
  t.same(door.sent, [`${socket} answer`])
})

t.test('nothing is passed on before the host has taken the client, nor after it has let it go', async t => {
  const { door, host, socket, input } = start('udp')
  const client = { socket: input.socket, address: ALICE, via: 'udp' as const }
  for (const on of [false, true, false]) {
    if (on || host.came.length > 0) host.guests.host(client, on)
    const batch = batchOf(socket, ALICE, BOB)
    door.guests.door.received(batch)
    t.same([...batch.verdict], on ? [DROP, PASS] : [PASS, PASS])
  }
  t.same(host.came, ['10'])
  t.same(door.came, ['10', '11', '11', '10', '11'])
  t.same(door.kept, [true, false], 'its connection is kept meanwhile')
})

t.test('a batch leaves by the other shard, but for what is not for guests', async t => {
  const { door, host, socket, input } = start('udp')
  const batch = batchOf(input.socket, ALICE, ALICE, ALICE)
  batch.verdict.set([SEND, PASS, SEND])
  batch.socket[2] = 99
  host.guests.transport.send(batch)
  t.same(door.sent, [`${socket} data`])
})

t.test('a connection that ends is told to the host, and its number is free', async t => {
  const { door, host, socket, input } = start('tls')
  door.guests.door.hungUp(socket)
  t.same(host.hungUp, [input.socket])
  t.same(door.hungUp, [socket])
  t.equal(host.guests.transport.owns(input.socket), false)
  t.equal(host.ids.open, 0)
})

t.test(
  'a shard that is gone takes its sockets along, and leaves no client with a host that is not there',
  async t => {
    const { door, host, socket, input } = start('udp')
    host.guests.host({ socket: input.socket, address: ALICE, via: 'udp' }, true)
    t.equal(door.guests.door.guests, 1)
    door.guests.gone(1)
    t.equal(door.guests.door.guests, 0)
    const batch = batchOf(socket, ALICE)
    door.guests.door.received(batch)
    t.same(door.came, ['10'], 'what it sends is for this shard to judge')
    host.guests.gone(0)
    t.same(host.hungUp, [input.socket])
    t.equal(host.ids.open, 0)
  },
)

t.test('a client of our own is kept by our own transports', async t => {
  const { host } = start('udp')
  host.guests.host({ socket: 99 as SocketId, address: BOB, via: 'tls' }, true)
  t.same(host.kept, [true])
})

t.test(
  'a host that is told of a successor announces its guests there again, and gives connections up',
  async t => {
    const { door, host, socket, input } = start('udp')
    const client = { socket: input.socket, address: ALICE, via: 'udp' as const }
    host.guests.host(client, true)
    // The successor of the door knows nobody.
    door.guests.door.gone(1)
    const before = batchOf(socket, ALICE)
    door.guests.door.received(before)
    t.same([...before.verdict], [PASS])
    host.guests.transport.replaced(0, [client])
    const after = batchOf(socket, ALICE)
    door.guests.door.received(after)
    t.same([...after.verdict], [DROP])

    const other = start('tls')
    other.host.guests.transport.replaced(0, [])
    t.same(other.host.hungUp, [other.input.socket])
  },
)

t.test(
  'the successor of a host serves guests at the ids that they had, and lets go of those it does not know',
  async t => {
    const { door, host, socket, input } = start('udp')
    const client = { socket: input.socket, address: ALICE, via: 'udp' as const }
    host.guests.host(client, true)
    const successor: Place = new Place(message => door.guests.take(1, structuredClone(message)))
    successor.guests.transport.resume(input.socket, { shard: 0, socket, via: 'udp' })
    successor.guests.transport.sendOne(input.socket, ALICE, Buffer.from('answer'))
    t.same(door.sent, [`${socket} answer`])
    successor.guests.take(0, {
      kind: 'came',
      client: { socket, address: ALICE, via: 'udp' },
      bytes: Buffer.from('data'),
      isReferred: false,
    })
    t.same(successor.came, ['10'])

    const fresh: Place = new Place(message => door.guests.take(1, structuredClone(message)))
    fresh.guests.take(0, {
      kind: 'came',
      client: { socket, address: ALICE, via: 'udp' },
      bytes: Buffer.from('data'),
      isReferred: false,
    })
    const batch = batchOf(socket, ALICE)
    door.guests.door.received(batch)
    t.same([...batch.verdict], [PASS], 'the door passes on no more')
  },
)

t.test('a guest goes on where another process has taken over from both shards', async t => {
  const before = start('tls')
  const door: Place = new Place(message => host.guests.take(0, structuredClone(message)))
  const host: Place = new Place(message => door.guests.take(1, structuredClone(message)))
  const { socket } = before
  door.ids.take({} as Transport, 'tls', socket)
  host.guests.transport.resume(before.input.socket, { shard: 0, socket, via: 'tls' })

  host.guests.host({ socket: before.input.socket, address: ALICE, via: 'tls' }, true)
  door.guests.door.received(batchOf(socket, ALICE))
  t.same(host.came, ['10'])
  door.guests.door.hungUp(socket)
  t.same(host.hungUp, [before.input.socket], 'although the door has never referred it to anybody')
})
