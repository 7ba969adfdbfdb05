import t, { type Test } from 'tap'
import { SEND } from '../../../src/base/batch.ts'
import type { BoundSocket } from '../../../src/net/transport.ts'
import type { NativeTransport } from '../../../src/net/udp/native.ts'
import { loadAddon, NativeFeature } from '../../../src/system/native-addon.ts'
import { batchOf, bind, needAddon, type Opened, openNativeTransport } from './probe.ts'

/** Datagrams that one send carries at most. */
const SEGMENTS = 16

t.test('datagrams of one size to one address leave as one send', needGso(), async t => {
  const { sender, a, b, receiver, send } = await pair(t)

  send(Array.from({ length: 8 }, (_, i) => datagram(a, b, 1100, i)))
  await receiver.inbox.some(8)

  t.equal(sender.udp.tally().bursts, 1)
  t.equal(sender.udp.tally().sends, 1)
  t.equal(sender.udp.tally().sent, 8)
  t.strictSame(
    receiver.inbox.all.map(one => [one.bytes.length, one.bytes[0]]),
    Array.from({ length: 8 }, (_, i) => [1100, i]),
  )
})

t.test('only the last of a burst may be shorter, and a longer one begins the next', needGso(), async t => {
  const { sender, a, b, receiver, send } = await pair(t)
  const sizes = [1100, 1100, 300, 300, 900, 900, 900, 1, 1, 0, 5, 5]

  send(sizes.map((size, i) => datagram(a, b, size, i)))
  await receiver.inbox.some(sizes.length)

  t.strictSame(
    receiver.inbox.all.map(one => one.bytes.length),
    sizes,
  )
  // 1100 1100 300 | 300 | 900 900 900 1 | 1 | 0 | 5 5
  t.equal(sender.udp.tally().bursts, 3)
})

t.test('a burst is bounded, lest others wait behind it', needGso(), async t => {
  const { sender, a, b, receiver, send } = await pair(t)

  send(Array.from({ length: 2 * SEGMENTS + 3 }, (_, i) => datagram(a, b, 200, i)))
  await receiver.inbox.some(2 * SEGMENTS + 3)

  t.equal(sender.udp.tally().bursts, 3)
  t.strictSame(
    receiver.inbox.all.map(one => one.bytes[0]),
    Array.from({ length: 2 * SEGMENTS + 3 }, (_, i) => i),
  )
})

t.test('datagrams to several addresses are told apart, and each keeps its order', needGso(), async t => {
  const { sender, a, b, receiver, send } = await pair(t)
  const c = await bind(receiver.udp, '127.0.0.1:0')
  const turns = [b, b, c, b, c, c, c, b, b]

  send(turns.map((to, i) => datagram(a, to, 500, i)))
  await receiver.inbox.some(turns.length)

  for (const to of [b, c]) {
    t.strictSame(
      receiver.inbox.all.filter(one => one.socket === to.socket).map(one => one.bytes[0]),
      turns.flatMap((one, i) => (one === to ? [i] : [])),
    )
  }
  t.equal(sender.udp.tally().bursts, 3)
})

t.test('what exceeds a frame goes alone, as bursts cannot be fragmented', needGso(), async t => {
  const { sender, a, b, receiver, send } = await pair(t)

  send(Array.from({ length: 4 }, (_, i) => datagram(a, b, 1453, i)))
  await receiver.inbox.some(4)

  t.equal(sender.udp.tally().bursts, 0)
})

t.test('bursts pass over IPv6 as well', needGso(), async t => {
  const { sender, a, b, receiver, send } = await pair(t, '[::1]:0')

  send(Array.from({ length: 8 }, (_, i) => datagram(a, b, 1100, i)))
  await receiver.inbox.some(8)

  t.equal(sender.udp.tally().bursts, 1)
  t.strictSame(
    receiver.inbox.all.map(one => one.bytes[0]),
    [0, 1, 2, 3, 4, 5, 6, 7],
  )
})

t.test('what the kernel hands up as one is taken apart again', needGro(), async t => {
  const { a, b, receiver, send } = await pair(t)

  send([...Array.from({ length: 15 }, (_, i) => datagram(a, b, 1100, i)), datagram(a, b, 7, 15)])
  await receiver.inbox.some(16)

  t.equal(receiver.udp.tally().receives, 1)
  t.strictSame(
    receiver.inbox.all.map(one => [one.bytes.length, one.bytes[0], one.bytes.at(-1)]),
    Array.from({ length: 16 }, (_, i) => [i < 15 ? 1100 : 7, i, i]),
  )
  t.ok(receiver.inbox.all.every(one => one.from.port === a.local.port))
})

t.test('more than a batch holds is handed up in several, whole and in order', needGro(), async t => {
  const { a, b, receiver, send } = await pair(t)
  let most = 0
  receiver.inbox.answer = batch => {
    most = Math.max(most, batch.count)
  }

  for (let at = 0; at < 800; at += 80) {
    send(Array.from({ length: 80 }, (_, i) => datagram(a, b, 400, (at + i) % 251)))
  }
  await receiver.inbox.some(800)

  t.ok(most <= 128)
  t.strictSame(
    receiver.inbox.all.map(one => one.bytes[0]),
    Array.from({ length: 800 }, (_, i) => i % 251),
  )
})

t.test('what is left of a socket that was closed meanwhile reaches nobody', needGro(), async t => {
  const { a, b, receiver, send } = await pair(t)
  let came = 0
  receiver.inbox.answer = batch => {
    if (came > 0) return
    t.ok(batch.count < 800)
    came = receiver.inbox.all.length
    receiver.sockets.close(b.socket)
  }

  for (let at = 0; at < 800; at += 80) {
    send(Array.from({ length: 80 }, (_, i) => datagram(a, b, 400, i)))
  }
  await receiver.inbox.some(1)
  const c = await bind(receiver.udp, '127.0.0.1:0')
  send([datagram(a, c, 5, 99)])
  await receiver.inbox.until(() => receiver.inbox.all.at(-1)!.bytes[0] === 99)

  t.strictSame(
    receiver.inbox.all.slice(came).map(one => one.bytes[0]),
    [99],
  )
})

t.test('a burst passes through a relay as a burst', needGro(), async t => {
  const { a, b, receiver, sender, send } = await pair(t)
  receiver.inbox.answer = batch => {
    for (let i = 0; i < batch.count; i++) batch.verdict[i] = SEND
    receiver.sockets.send(batch)
  }

  send(Array.from({ length: 12 }, (_, i) => datagram(a, b, 1100, i)))
  await sender.inbox.some(12)

  t.equal(receiver.udp.tally().bursts, 1)
  t.strictSame(
    sender.inbox.all.map(one => one.bytes[0]),
    Array.from({ length: 12 }, (_, i) => i),
  )
})

t.test('more batches than the addon keeps are sent all the same', needAddon(), async t => {
  const { a, b, receiver, send } = await pair(t)

  for (let i = 0; i < 60; i++) send([datagram(a, b, 10, i)])
  await receiver.inbox.some(60)

  t.strictSame(
    receiver.inbox.all.map(one => one.bytes[0]),
    Array.from({ length: 60 }, (_, i) => i),
  )
})

interface Pair {
  readonly sender: Opened<NativeTransport>
  readonly receiver: Opened<NativeTransport>
  /** Sockets of one and the other. */
  readonly a: BoundSocket
  readonly b: BoundSocket
  readonly send: (datagrams: Parameters<typeof batchOf>[0]) => void
}

async function pair(t: Test, at = '127.0.0.1:0'): Promise<Pair> {
  const sender = openNativeTransport(t)
  const receiver = openNativeTransport(t)
  const a = await bind(sender.udp, at)
  const b = await bind(receiver.udp, at)
  return { sender, receiver, a, b, send: datagrams => sender.sockets.send(batchOf(datagrams)) }
}

function datagram(from: BoundSocket, to: BoundSocket, size: number, mark: number) {
  return { socket: from.socket, to: to.local, bytes: Buffer.alloc(size, mark) }
}

function needGso(): { skip: string | false } {
  return needFeature(NativeFeature.gso, 'this kernel has no UDP_SEGMENT')
}

function needGro(): { skip: string | false } {
  return needFeature(NativeFeature.gro | NativeFeature.gso, 'this kernel has no UDP_GRO that can be trusted')
}

function needFeature(bits: number, why: string): { skip: string | false } {
  const { skip } = needAddon()
  if (skip) return { skip }
  const addon = loadAddon()
  return { skip: addon.ok && (addon.value.features() & bits) !== bits && why }
}
