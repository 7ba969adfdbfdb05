import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { type Address, address as toAddress } from '../../src/base/address.ts'
import { credential } from '../support/credentials.ts'
import { CLIENT, hostileNet, metric, PORT, SECRET, SERVER, startTaciturn } from '../support/hostile-net.ts'
import { enterNamespace, needNamespaces } from '../support/namespaces.ts'
import { residentOf } from '../support/process-memory.ts'
import { openSession, relayedOf, type TurnSession } from '../support/turn-session.ts'

await enterNamespace(import.meta.url)
t.setTimeout(300_000)

const SECONDS = 10
const OCTETS = 1000
const CHANNEL = 0x4000
/** Octets a second. */
const MEGABIT = 125_000

/** One user who sends to a peer of their own, which counts. */
interface Sender {
  readonly session: TurnSession
  sent: number
  received: number
  /** Sends so many octets a second until the end. */
  send(octetsPerSecond: number, until: number): Promise<void>
}

async function sender(t: Test, user: string, secret = SECRET): Promise<Sender> {
  const peer = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 })
  peer.bind(0, CLIENT.ip4)
  await once(peer, 'listening')
  t.teardown(() => peer.close())
  const session = await openSession({ host: SERVER.ip4, port: PORT }, credential(secret, user))
  t.teardown(() => session.close())
  relayedOf(await session.allocate())
  if ((await session.bind(CHANNEL, clientAddress(peer.address().port))) !== 0) throw new Error('no channel')
  const payload = 'x'.repeat(OCTETS)
  const self: Sender = {
    session,
    sent: 0,
    received: 0,
    send: async (octetsPerSecond, until) => {
      const start = performance.now()
      for (let now = start; now < until; now = performance.now()) {
        const due = ((now - start) / 1000) * (octetsPerSecond / OCTETS)
        // What a slow machine could not send in time is not made up for in one burst.
        for (let burst = 0; self.sent < due && burst < 50; burst++) {
          session.send(CHANNEL, payload)
          self.sent++
        }
        await new Promise(resolve => setTimeout(resolve, 2))
      }
    },
  }
  peer.on('message', bytes => {
    if (bytes.length === OCTETS) self.received++
  })
  return self
}

function clientAddress(port: number): Address {
  return toAddress(Uint8Array.from(CLIENT.ip4.split('.').map(Number)), port)
}

/** All send at once for ten seconds; what has arrived then is looked at after all is quiet. */
async function sendAll(senders: readonly (readonly [sender: Sender, megabits: number])[]): Promise<void> {
  const until = performance.now() + SECONDS * 1000
  await Promise.all(senders.map(([one, megabits]) => one.send(megabits * MEGABIT, until)))
  await new Promise(resolve => setTimeout(resolve, 300))
}

/** A second's worth passes at once, and the rate from then on. */
function atLimit(t: Test, name: string, received: number, megabits: number): void {
  const expected = megabits * MEGABIT * (SECONDS + 1)
  const share = (received * OCTETS) / expected
  t.comment(`${name}: ${(share * 100).toFixed(1)} % of the limit`)
  t.ok(share > 0.95 && share < 1.05, `${name}: ${(share * 100).toFixed(1)} % of the limit`)
}

for (const workers of [1, 2]) {
  t.test(
    `limits of the bit rate, with ${workers === 1 ? 'one worker' : 'two workers'}`,
    needNamespaces('openssl'),
    async t => {
      const other = 'another secret that only this test knows'
      const start = async (t: Test, limits: Readonly<Record<string, unknown>>, share?: string) => {
        const net = await hostileNet(t)
        await startTaciturn(t, net, {
          workers,
          limits,
          homeservers: [
            { name: 'example.org', secrets: [SECRET], ...(share && { limits: { bitrate: share } }) },
            { name: 'example.com', secrets: [other] },
          ],
        })
      }

      t.test('a user has theirs and harms nobody [ABU-13, SEC-64]', async t => {
        await start(t, { bitratePerUser: '1 Mbit/s' })
        const hog = await sender(t, '@hog:example.org')
        const again = await sender(t, '@hog:example.org')
        const other = await sender(t, '@quiet:example.org')
        await sendAll([
          [hog, 3],
          [again, 3],
          [other, 0.5],
        ])
        atLimit(t, 'one user with two allocations', hog.received + again.received, 1)
        t.ok(
          other.sent - other.received <= other.sent / 1000,
          `${other.sent - other.received} of ${other.sent} of the other lost`,
        )
        t.ok((await metric('taciturn_drops_total')) > 0, 'the rest is counted')
      })

      t.test('a homeserver has its share, and the next one its own [ABU-13]', async t => {
        await start(t, {}, '2 Mbit/s')
        const [first, second] = [await sender(t, '@a:example.org'), await sender(t, '@b:example.org')]
        const elsewhere = await sender(t, '@c:example.com', other)
        await sendAll([
          [first, 3],
          [second, 3],
          [elsewhere, 1],
        ])
        atLimit(t, 'one homeserver with two users', first.received + second.received, 2)
        t.ok(elsewhere.sent - elsewhere.received <= elsewhere.sent / 1000, 'users of the other lose nothing')
      })

      t.test('all together have the limit in all [ABU-13]', async t => {
        await start(t, { bitrate: '4 Mbit/s' })
        const all = [
          await sender(t, '@a:example.org'),
          await sender(t, '@b:example.org'),
          await sender(t, '@c:example.com', other),
        ]
        await sendAll(all.map(one => [one, 4] as const))
        atLimit(
          t,
          'everybody',
          all.reduce((sum, { received }) => sum + received, 0),
          4,
        )
      })
    },
  )
}

t.test('a client that reads nothing', needNamespaces('openssl'), async t => {
  const net = await hostileNet(t)
  const relay = await startTaciturn(t, net, { limits: { bitratePerUser: 'unlimited' } })
  for (const via of ['tcp', 'tls'] as const) {
    t.test(`over ${via}, keeps nothing waiting for it, while a peer floods it [ABU-14]`, async t => {
      const peer = createSocket('udp4')
      peer.bind(0, CLIENT.ip4)
      await once(peer, 'listening')
      t.teardown(() => peer.close())
      const target = { host: SERVER.ip4, port: via === 'tls' ? 5349 : PORT, via }
      const session = await openSession(target, credential(SECRET, '@slow:example.org'))
      t.teardown(() => session.close())
      const relayed = relayedOf(await session.allocate())
      t.equal(await session.bind(CHANNEL, clientAddress(peer.address().port)), 0)
      session.stall()
      const dropped = () => metric('taciturn_drops_total{reason="slow_stream"}')
      const before = { memory: residentOf(relay.child.pid), dropped: await dropped() }
      let most = 0
      const payload = Buffer.alloc(1200, 7)
      const end = performance.now() + SECONDS * 1000
      let sent = 0
      while (performance.now() < end) {
        for (let i = 0; i < 25; i++) peer.send(payload, relayed.port, SERVER.ip4)
        sent += 25
        most = Math.max(most, residentOf(relay.child.pid) - before.memory)
        await new Promise(resolve => setTimeout(resolve, 4))
      }
      t.comment(
        `${sent} datagrams, ${(await dropped()) - before.dropped} dropped, memory at most ${Math.round(most / 1024)} kB more`,
      )
      t.ok(most < 24 << 20, `${Math.round(most / 1024)} kB more memory`)
      t.ok((await dropped()) - before.dropped > sent / 2, 'most of it was dropped, and counted')
    })
  }
})

t.test(
  'two allocations that send to each other go round in no loop [ABU-09]',
  needNamespaces('openssl'),
  async t => {
    const net = await hostileNet(t)
    await startTaciturn(t, net)
    const [alice, bob] = await Promise.all(
      ['@alice:example.org', '@bob:example.org'].map(async user => {
        const session = await openSession({ host: SERVER.ip4, port: PORT }, credential(SECRET, user))
        t.teardown(() => session.close())
        return { session, relayed: relayedOf(await session.allocate()) }
      }),
    )
    t.equal(await alice!.session.bind(CHANNEL, bob!.relayed), 0)
    t.equal(await bob!.session.bind(CHANNEL, alice!.relayed), 0)
    const heard = new Promise<void>(resolve => {
      bob!.session.onData = () => resolve()
    })
    alice!.session.send(CHANNEL, 'once')
    await heard
    // An allocation's own address as its peer, which it would hear itself from.
    t.equal(await alice!.session.permit(alice!.relayed), 0)
    alice!.session.indicate(alice!.relayed, 'to myself')
    await new Promise(resolve => setTimeout(resolve, 1000))
    const relayed = await metric('taciturn_relayed_packets_total')
    await new Promise(resolve => setTimeout(resolve, 1000))
    t.ok(relayed <= 4, `${relayed} packets were relayed for two`)
    t.equal(await metric('taciturn_relayed_packets_total'), relayed, 'and no more since')
  },
)
