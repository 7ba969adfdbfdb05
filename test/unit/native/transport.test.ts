import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { formatAddress, parseAddress } from '../../../src/base/address.ts'
import { HEADROOM, SEND, TAILROOM } from '../../../src/base/batch.ts'
import { echo } from '../net/recorder.ts'
import { batchOf, bind, needAddon, type Opened, openDgramTransport, openNativeTransport } from './probe.ts'

const LOOPBACKS = ['127.0.0.1:0', '[::1]:0']

conformance('native', needAddon(), openNativeTransport)
conformance('native without bursts', needAddon(), t =>
  openNativeTransport(t, { gro: false, gso: false, carryTos: false }),
)
conformance('native with TTL', needAddon(), t => openNativeTransport(t, { carryTtl: true }))
conformance('dgram', { skip: false }, openDgramTransport)

/** What the shard may count on, whichever transport it has. */
function conformance(name: string, options: { skip: string | false }, open: (t: Test) => Opened): void {
  t.test(`${name}: datagrams of every size pass whole, over both families`, options, async t => {
    const { udp, inbox, sockets } = open(t)
    for (const at of LOOPBACKS) {
      const a = await bind(udp, at)
      const b = await bind(udp, at, 'relay')
      for (const size of [0, 1, 3, 4, 172, 1100, 1452, 1453, 2047, 9000, 65_000, 65_507]) {
        const bytes = randomBytes(size)
        const before = inbox.all.length

        sockets.sendOne(a.socket, b.local, bytes)
        await inbox.some(before + 1)

        const last = inbox.all.at(-1)!
        t.ok(last.bytes.equals(bytes), `${size} octets to ${formatAddress(b.local)}`)
        t.equal(last.socket, b.socket)
        t.strictSame(last.from, a.local)
      }
    }
  })

  t.test(`${name}: a slot has its headroom and tailroom, which are free to write in`, options, async t => {
    const { udp, inbox, sockets } = open(t)
    const a = await bind(udp, '127.0.0.1:0')
    const b = await bind(udp, '127.0.0.1:0')
    const datagrams = Array.from({ length: 40 }, (_, i) => ({
      socket: a.socket,
      to: b.local,
      bytes: Buffer.alloc(100, i),
    }))
    let roomy = true
    inbox.answer = batch => {
      for (let i = 0; i < batch.count; i++) {
        const start = batch.start[i]!
        const end = start + batch.length[i]!
        roomy &&= start - i * batch.stride >= HEADROOM && (i + 1) * batch.stride - end >= TAILROOM
        batch.bytes.fill(0xff, start - HEADROOM, start)
        batch.bytes.fill(0xff, end, end + TAILROOM)
      }
    }

    sockets.send(batchOf(datagrams))
    await inbox.some(40)

    t.ok(roomy)
    t.strictSame(
      inbox.all.map(one => one.bytes),
      datagrams.map(one => one.bytes),
    )
  })

  t.test(`${name}: what is marked SEND leaves as edited in place, the rest does not`, options, async t => {
    const { udp, inbox, sockets } = open(t)
    const a = await bind(udp, '127.0.0.1:0')
    const b = await bind(udp, '127.0.0.1:0')
    inbox.answer = batch => {
      if (batch.socket[0] !== b.socket) return
      for (let i = 0; i < batch.count; i++) {
        const start = batch.start[i]! - 2
        batch.bytes.write('> ', start)
        batch.start[i] = start
        batch.length[i] = batch.length[i]! + 2
        batch.verdict[i] = batch.bytes.toString('latin1', start + 2, start + 4) === 'no' ? 2 : SEND
      }
      sockets.send(batch)
    }

    for (const text of ['yes 1', 'no 1', 'no 2', 'yes 2'])
      sockets.sendOne(a.socket, b.local, Buffer.from(text))
    await inbox.until(() => inbox.texts.includes('> yes 2'))

    const back = inbox.all.filter(one => one.socket === a.socket)
    t.strictSame(
      back.map(one => one.bytes.toString()),
      ['> yes 1', '> yes 2'],
    )
  })

  t.test(
    `${name}: a batch mixes sockets, families and destinations, and keeps each in order`,
    options,
    async t => {
      const { udp, inbox, sockets } = open(t)
      const from = [
        await bind(udp, '127.0.0.1:0'),
        await bind(udp, '[::1]:0'),
        await bind(udp, '127.0.0.2:0'),
      ]
      const to = [await bind(udp, '127.0.0.1:0'), await bind(udp, '[::1]:0'), await bind(udp, '127.0.0.1:0')]
      const datagrams = Array.from({ length: 300 }, (_, i) => {
        const which = (i * 7) % 3
        // From an IPv4 socket to either IPv4 receiver, in turns.
        const target = which === 1 ? 1 : (i % 2) * 2
        return {
          socket: from[which]!.socket,
          to: to[target]!.local,
          bytes: Buffer.from(`${i} ${'x'.repeat(i % 40)}`),
        }
      })

      for (let at = 0; at < 300; at += 60) {
        sockets.send(batchOf(datagrams.slice(at, at + 60)))
        await inbox.some(at + 60)
      }

      for (const a of from) {
        for (const b of to) {
          const sent = datagrams.filter(one => one.socket === a.socket && one.to === b.local)
          const came = inbox.all.filter(
            one => one.socket === b.socket && formatAddress(one.from) === formatAddress(a.local),
          )
          t.strictSame(
            came.map(one => one.bytes.toString()),
            sent.map(one => one.bytes.toString()),
          )
        }
      }
    },
  )

  t.test(`${name}: sockets may be closed and opened in the midst of a batch`, options, async t => {
    const { udp, inbox, sockets, ids } = open(t)
    const a = await bind(udp, '127.0.0.1:0')
    const b = await bind(udp, '127.0.0.1:0')
    const c = await bind(udp, '127.0.0.1:0')
    let rebound: Promise<unknown> | undefined
    inbox.answer = batch => {
      if (rebound) return
      echo(batch)
      sockets.close(b.socket)
      sockets.close(c.socket)
      rebound = udp.bind({ address: b.local, purpose: 'relay' })
      sockets.send(batch)
    }

    sockets.send(
      batchOf(
        Array.from({ length: 80 }, (_, i) => ({
          socket: a.socket,
          to: (i % 2 ? b : c).local,
          bytes: Buffer.from('x'),
        })),
      ),
    )
    await inbox.until(() => rebound !== undefined)

    t.notOk(rebound instanceof Error)
    t.equal(udp.owns(c.socket), false)
    t.equal(ids.open, 2)
    sockets.sendOne(a.socket, a.local, Buffer.from('end'))
    await inbox.until(() => inbox.texts.includes('end'))
    t.notOk(inbox.origins.includes(formatAddress(c.local)))
  })

  t.test(`${name}: a transport may be stopped in the midst of a batch`, options, async t => {
    const { udp, inbox, sockets, ids } = open(t)
    const a = await bind(udp, '127.0.0.1:0')
    const b = await bind(udp, '127.0.0.1:0')
    inbox.answer = batch => {
      echo(batch)
      udp.stop()
      sockets.send(batch)
      sockets.sendOne(a.socket, b.local, Buffer.from('late'))
      sockets.close(a.socket)
    }

    sockets.sendOne(a.socket, b.local, Buffer.from('one'))
    await inbox.some(1)

    t.equal(ids.open, 0)
    const again = openDgramTransport(t)
    t.strictSame((await bind(again.udp, formatAddress(b.local))).local, b.local)
  })

  t.test(
    `${name}: a dead peer closes neither the relay socket nor the process [TURN-ICMP-05]`,
    options,
    async t => {
      const { udp, inbox, sockets } = open(t)
      const relay = await bind(udp, '127.0.0.1:0', 'relay')
      const dead = await bind(udp, '127.0.0.1:0')
      const live = await bind(udp, '127.0.0.1:0')
      sockets.close(dead.socket)

      for (let i = 0; i < 50; i++) sockets.sendOne(relay.socket, dead.local, Buffer.from('anyone?'))
      sockets.sendOne(relay.socket, live.local, Buffer.from('you'))
      sockets.sendOne(live.socket, relay.local, Buffer.from('me'))
      await inbox.some(2)

      t.strictSame(inbox.texts.sort(), ['me', 'you'])
      t.equal(udp.owns(relay.socket), true)
    },
  )

  t.test(`${name}: a datagram that cannot be sent is counted and nothing is thrown`, options, async t => {
    const { udp, sockets, counters } = open(t)
    const { socket } = await bind(udp, '127.0.0.1:0', 'relay')
    const to = ['127.0.0.1:0', '[::1]:9', '255.255.255.255:9']

    sockets.send(batchOf(to.map(at => ({ socket, to: parseAddress(at)!, bytes: Buffer.from('x') }))))
    await new Promise(resolve => setImmediate(resolve))
    const lost = counters.read('peerError')
    for (const at of to) sockets.sendOne(socket, parseAddress(at)!, Buffer.from('x'))
    await new Promise(resolve => setImmediate(resolve))

    t.equal(lost, 3)
    t.equal(counters.read('peerError'), 6)
  })

  t.test(`${name}: an address that cannot be had is an error, and leaves nothing open`, options, async t => {
    const { udp, ids } = open(t)
    const { local } = await bind(udp, '127.0.0.1:0')

    const taken = await bind(udp, formatAddress(local)).catch(error => error)
    const foreign = await bind(udp, '192.0.2.77:0').catch(error => error)
    const nothing = await bind(udp, '127.0.0.1:0', 'listener', { fd: 1_000_000 }).catch(error => error)

    t.match([taken.code, foreign.code, nothing.code], ['EADDRINUSE', 'EADDRNOTAVAIL', /^E/])
    t.equal(ids.open, 1)
  })

  t.test(`${name}: an IPv6 socket leaves IPv4 to another [STUN-BIND-12]`, options, async t => {
    const { udp, inbox, sockets } = open(t)
    const six = await bind(udp, '[::]:0')
    const four = await bind(udp, `0.0.0.0:${six.local.port}`)
    const client = await bind(udp, '127.0.0.1:0')

    sockets.sendOne(client.socket, parseAddress(`127.0.0.1:${six.local.port}`)!, Buffer.from('four'))
    const [first] = await inbox.some(1)

    t.equal(first!.socket, four.socket)
    t.equal(first!.from.family, 4)
  })

  t.test(`${name}: a socket is closed once, and its port is free then`, options, async t => {
    const { udp, sockets, ids } = open(t)
    const { socket, local } = await bind(udp, '127.0.0.1:0')

    sockets.close(socket)
    sockets.close(socket)
    udp.close(socket)
    sockets.sendOne(socket, local, Buffer.from('late'))
    udp.sendOne(socket, local, Buffer.from('later'))

    t.equal(ids.open, 0)
    t.equal(udp.owns(socket), false)
    t.strictSame((await bind(udp, formatAddress(local))).local, local)
  })

  t.test(`${name}: hundreds of sockets are read and sent from in turn`, options, async t => {
    const { udp, inbox, sockets } = open(t)
    const hub = await bind(udp, '127.0.0.1:0')
    const many = await Promise.all(Array.from({ length: 300 }, () => bind(udp, '127.0.0.1:0', 'relay')))
    inbox.answer = batch => {
      for (let i = 0; i < batch.count; i++) batch.verdict[i] = batch.socket[i] === hub.socket ? 2 : SEND
      sockets.send(batch)
    }

    for (const one of many) sockets.sendOne(hub.socket, one.local, Buffer.from(`${one.local.port}`))
    await inbox.some(600)

    const back = inbox.all.filter(one => one.socket === hub.socket)
    t.equal(back.length, 300)
    t.ok(back.every(one => one.bytes.toString() === `${one.from.port}`))
  })

  t.test(`${name}: sockets have the buffers that the kernel grants`, options, async t => {
    const { udp } = open(t)

    const small = await bind(udp, '127.0.0.1:0', 'relay', { receiveBuffer: 16 << 10 })
    const huge = await bind(udp, '127.0.0.1:0', 'relay', { receiveBuffer: 2 ** 30, sendBuffer: 2 ** 30 })

    t.ok(small.receiveBuffer! >= 16 << 10)
    t.ok(huge.receiveBuffer! >= small.receiveBuffer!)
  })
}
