import { formatAddress, parseAddress } from '../../../src/base/address.ts'
import { Counters } from '../../../src/base/counters.ts'
import { SocketIds } from '../../../src/net/socket-ids.ts'
import type { BoundSocket } from '../../../src/net/transport.ts'
import { openNative } from '../../../src/net/udp/native.ts'
import { Recorder } from '../net/recorder.ts'
import { batchOf } from './probe.ts'

/**
 * Runs in a network namespace of its own whose loopback carries 1,500 octets,
 * as an Ethernet does. Prints what it saw as one line of JSON.
 */
const inbox = new Recorder()
const counters = new Counters()
const opened = openNative(new SocketIds(), inbox, counters)
if (!opened.ok) throw new Error(opened.error)
const udp = opened.value

const result: Record<string, unknown> = {}
for (const [family, at] of [
  ['IPv4', '127.0.0.1:0'],
  ['IPv6', '[::1]:0'],
] as const) {
  const relay = await bind(at, 'relay')
  const peer = await bind(at, 'listener')
  const fits = family === 'IPv4' ? 1472 : 1452

  udp.sendOne(relay.socket, peer.local, Buffer.alloc(fits, 1), true)
  udp.sendOne(relay.socket, peer.local, Buffer.alloc(fits + 1, 2), true)
  udp.sendOne(relay.socket, peer.local, Buffer.alloc(fits + 1, 3))
  udp.sendOne(relay.socket, peer.local, Buffer.alloc(fits + 1, 4), true)
  // The route table sends without DF, whatever the socket was left at.
  udp.send(batchOf([{ socket: relay.socket, to: peer.local, bytes: Buffer.alloc(65_000, 5) }]))
  await inbox.until(() => inbox.all.length >= 3 && inbox.errors.length >= 2)

  result[family] = {
    marks: inbox.all.map(one => one.bytes[0]),
    tooLong: counters.read('dropTooLong'),
    errors: inbox.errors.map(({ socket, peer: to, type, code, data }) => ({
      ours: socket === relay.socket && formatAddress(to) === formatAddress(peer.local),
      type,
      code,
      data,
    })),
  }
  inbox.all.length = 0
  inbox.errors.length = 0
  counters.values.fill(0)
}

// Forty fragments do not fit into so small a send buffer: the kernel says ENOBUFS, or EAGAIN.
const small = await bind('127.0.0.1:0', 'relay', 1)
const sink = await bind('127.0.0.1:0', 'listener')
for (let i = 0; i < 3; i++) {
  udp.send(batchOf([{ socket: small.socket, to: sink.local, bytes: Buffer.alloc(60_000) }]))
}
udp.sendOne(small.socket, sink.local, Buffer.alloc(60_000))
result.dropSendQueue = counters.read('dropSendQueue')
udp.stop()
console.log(JSON.stringify(result))

async function bind(at: string, purpose: 'listener' | 'relay', sendBuffer?: number): Promise<BoundSocket> {
  const bound = await udp.bind({ address: parseAddress(at)!, purpose, ...(sendBuffer && { sendBuffer }) })
  if (!bound.ok) throw bound.error
  return bound.value
}
