import t from 'tap'
import { formatAddress } from '../../../src/base/address.ts'
import { batchOf, bind, needAddon, openNativeTransport } from './probe.ts'

for (const [family, at, type, code] of [
  ['IPv4', '127.0.0.1:0', 3, 3],
  ['IPv6', '[::1]:0', 1, 4],
] as const) {
  t.test(
    `a closed port is told of by socket and peer over ${family} [TURN-ICMP-01] [TURN-ICMP-02]`,
    needAddon(),
    async t => {
      const { udp, inbox, sockets } = openNativeTransport(t)
      const relay = await bind(udp, at, 'relay')
      const dead = await bind(udp, at)
      sockets.close(dead.socket)

      sockets.sendOne(relay.socket, dead.local, Buffer.from('anyone?'))
      await inbox.until(() => inbox.errors.length > 0)

      t.strictSame(inbox.errors, [{ socket: relay.socket, peer: dead.local, type, code, data: 0 }])
    },
  )

  t.test(`what follows an error is neither lost nor out of order over ${family}`, needAddon(), async t => {
    const { udp, inbox, sockets, counters } = openNativeTransport(t)
    const relay = await bind(udp, at, 'relay')
    const live = await bind(udp, at)
    const dead = await bind(udp, at)
    sockets.close(dead.socket)
    const to = Array.from({ length: 60 }, (_, i) => (i % 3 === 0 ? dead : live))

    sockets.send(
      batchOf(to.map(({ local }, i) => ({ socket: relay.socket, to: local, bytes: Buffer.from(`${i}`) }))),
    )
    sockets.sendOne(live.socket, relay.local, Buffer.from('back'))
    await inbox.until(() => inbox.all.length >= 41 && inbox.errors.length > 0)

    t.strictSame(
      inbox.texts.filter(text => text !== 'back'),
      to.flatMap((one, i) => (one === live ? [`${i}`] : [])),
    )
    t.ok(inbox.texts.includes('back'))
    t.ok(inbox.errors.every(error => formatAddress(error.peer) === formatAddress(dead.local)))
    t.equal(counters.read('peerError'), 0)
  })
}

t.test('listeners hear of no errors, as only relayed datagrams can have any', needAddon(), async t => {
  const { udp, inbox, sockets } = openNativeTransport(t)
  const listener = await bind(udp, '127.0.0.1:0')
  const relay = await bind(udp, '127.0.0.1:0', 'relay')
  const dead = await bind(udp, '127.0.0.1:0')
  sockets.close(dead.socket)

  sockets.sendOne(listener.socket, dead.local, Buffer.from('anyone?'))
  sockets.sendOne(relay.socket, dead.local, Buffer.from('anyone?'))
  await inbox.until(() => inbox.errors.length > 0)

  t.ok(inbox.errors.every(error => error.socket === relay.socket))
})
