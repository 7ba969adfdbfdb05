import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { parseAddress } from '../../src/base/address.ts'
import { callClient } from '../support/call-client.ts'
import { Calls, lost } from '../support/calls.ts'
import { eventually, openCalls, page, startServe } from '../support/lifecycle.ts'
import { LossyHop } from '../support/lossy-hop.ts'
import { enterNamespace, needNamespaces } from '../support/namespaces.ts'
import { freePort } from '../support/ports.ts'
import type { RunningRelay } from '../support/relay.ts'

t.setTimeout(120_000)

const inside = await enterNamespace(import.meta.url)
const needed = inside ? {} : needNamespaces()

t.test(
  'a relay address that goes is told of, and one that comes back is used again [OPS-17]',
  needed,
  async t => {
    const there = '198.51.100.7/32'
    ip('address', 'add', there, 'dev', 'lo')
    const relay = await startServe(t, {
      settings: { relay: { addresses: ['198.51.100.7'], ports: '10000-11999' } },
    })
    const before = await client(t, relay, '@before:example.org')
    t.match(await before.allocate(), { kind: 'allocated' })
    t.match(await page(relay, '/readyz'), { status: 200 })

    ip('address', 'del', there, 'dev', 'lo')
    t.ok(await eventually(async () => (await page(relay, '/readyz'))?.status === 503, 15_000), 'not ready')
    t.match(await page(relay, '/readyz'), { text: /no longer has the relay address 198\.51\.100\.7/ })
    const meanwhile = await client(t, relay, '@meanwhile:example.org')
    t.match(await meanwhile.allocate(), { kind: 'rejected', code: 508 })

    ip('address', 'add', there, 'dev', 'lo')
    t.ok(await eventually(async () => (await page(relay, '/readyz'))?.status === 200, 15_000), 'ready again')
    const after = await client(t, relay, '@after:example.org')
    t.match(await after.allocate(), { kind: 'allocated' })
    t.match(await before.refresh(600), { kind: 'refreshed' })
    t.equal(relay.child.exit, undefined)
  },
)

t.test(
  'on a network that loses, doubles and disorders, requests count once and data passes once [OPS-18]',
  async t => {
    const relay = await startServe(t)
    const hop = await LossyHop.open(relay.port, { loss: 0.05, duplication: 0.1, jitter: 30 })
    t.teardown(() => hop.close())
    const calls = await Calls.open({ port: hop.port, secret: relay.secret, count: 15 })
    t.teardown(() => calls.close())
    for (const one of calls.clients) t.match(await one.refresh(600), { kind: 'refreshed' })
    t.match(await page(relay, '/metrics'), { text: /^taciturn_allocations\{transport="udp"\} 15$/m })

    let atPeers = 0
    for (const peer of calls.peers) peer.on('message', () => atPeers++)
    // Answers may still be under way.
    await pause(200)
    const before = { ...hop.passed }
    calls.talk()
    const loss = await calls.lossOf()
    calls.quiet()
    t.ok(
      await eventually(() => hop.passed.toRelay - before.toRelay === atPeers),
      'every one that reached the relay, once',
    )
    t.ok(await eventually(() => hop.passed.fromRelay - before.fromRelay === atPeers), 'and every answer')
    t.ok(lost(loss) > 0 && loss.twice > 0, 'the network was bad indeed')
    t.match(await client(t, relay, '@good:example.org').then(one => one.allocate()), { kind: 'allocated' })
  },
)

t.test(
  'peers that are not there, and packets too large for the way, close nobody’s socket [OPS-18, NODE-02]',
  needed,
  async t => {
    ip('link', 'set', 'lo', 'mtu', '1280')
    t.teardown(() => ip('link', 'set', 'lo', 'mtu', '65536'))
    const relay = await startServe(t)
    const calls = (await openCalls(t, relay, 5)).talk()
    const one = await client(t, relay, '@unlucky:example.org')
    t.match(await one.allocate(), { kind: 'allocated' })
    const dead = await freePort()
    t.match(await one.bind(0x4001, parseAddress(`127.0.0.1:${dead}`)!), { kind: 'bound' })

    const during = await calls.lossOf(async () => {
      // Each is answered with an ICMP error, which the socket is told of.
      for (let i = 0; i < 100; i++) {
        one.send(0x4001, `to nobody ${i}`)
        if (i % 10 === 0) await new Promise(setImmediate)
      }
      // Indications of what ICMP said come between.
      t.ok(await eventually(async () => (await one.refresh(600)).kind === 'refreshed'))
    })
    t.equal(lost(during), 0)

    const peer = createSocket('udp4').bind(dead, '127.0.0.1')
    t.teardown(() => peer.close())
    await once(peer, 'listening')
    const heard = new Promise<Buffer[]>(resolve => {
      const all: Buffer[] = []
      peer.on('message', bytes => {
        all.push(bytes)
        if (bytes.toString() === 'the last') resolve(all)
      })
    })
    // Longer than the way takes in one piece, and as long as there can be.
    for (const length of [1252, 1253, 1400, 9000]) one.send(0x4001, 'x'.repeat(length))
    one.send(0x4001, 'the last')
    t.same(
      (await heard).map(({ length }) => length).sort((a, b) => a - b),
      [8, 1252, 1253, 1400, 9000],
      'the same socket, when somebody is there, and in pieces',
    )
  },
)

function ip(...words: string[]): void {
  execFileSync('ip', words)
}

async function client(t: Test, relay: RunningRelay, user: string) {
  const one = await callClient(relay.port, relay.secret, user)
  t.teardown(() => one.close())
  return one
}
