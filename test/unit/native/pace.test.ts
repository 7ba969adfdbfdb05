import t from 'tap'
import { batchOf, bind, needAddon, openNativeTransport } from './probe.ts'

const ROUNDS = 300
const LONGEST_WAIT = 500

t.test('nothing is lost or reordered where the thread looks at intervals', needAddon(), async t => {
  const sender = openNativeTransport(t)
  const receiver = openNativeTransport(t, { longestWait: LONGEST_WAIT })
  const from = await bind(sender.udp, '127.0.0.1:0')
  const to = [await bind(receiver.udp, '127.0.0.1:0'), await bind(receiver.udp, '127.0.0.1:0', 'relay')]

  for (let round = 0; round < ROUNDS; round++) {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(round)
    sender.sockets.send(batchOf(to.map(({ local }) => ({ socket: from.socket, to: local, bytes }))))
    await receiver.inbox.some(2 * (round + 1))
    t.ok(receiver.udp.tally().period <= LONGEST_WAIT)
  }

  for (const { socket } of to) {
    t.strictSame(
      receiver.inbox.all.filter(one => one.socket === socket).map(one => one.bytes.readUInt32BE()),
      Array.from({ length: ROUNDS }, (_, i) => i),
    )
  }
})

t.test('a transport that nobody lets wait never looks at intervals', needAddon(), async t => {
  const { udp, sockets, inbox } = openNativeTransport(t)
  const bound = await bind(udp, '127.0.0.1:0')

  for (let round = 0; round < ROUNDS; round++) {
    sockets.send(batchOf([{ socket: bound.socket, to: bound.local, bytes: Buffer.from('x') }]))
    await inbox.some(round + 1)
    if (udp.tally().period !== 0) t.fail('it waits')
  }

  t.equal(inbox.all.length, ROUNDS)
})

t.test('a transport is stopped while its timer runs', needAddon(), async t => {
  for (let i = 0; i < 20; i++) {
    const { udp, sockets, inbox } = openNativeTransport(t, { longestWait: LONGEST_WAIT })
    const bound = await bind(udp, '127.0.0.1:0')
    for (let round = 0; round < 50 && udp.tally().period === 0; round++) {
      sockets.send(batchOf([{ socket: bound.socket, to: bound.local, bytes: Buffer.from('x') }]))
      await inbox.some(round + 1)
    }
    udp.stop()
  }
  t.pass('and the loop has nothing left to wait for')
})
