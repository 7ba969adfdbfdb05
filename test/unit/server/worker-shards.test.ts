import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { connect } from 'node:tls'
import t from 'tap'
import { address, parseIp } from '../../../src/base/address.ts'
import { bindingRequest, mappedPort } from '../../support/stun.ts'
import { ALICE, needWorkers, startTwoWorkers } from '../../support/two-workers.ts'

t.setTimeout(120_000)

t.test('two workers on the sockets of one service', needWorkers(), async t => {
  const relay = await startTwoWorkers(t)

  await t.test('clients of two shards call each other, relay to relay', async t => {
    const [alice, bob] = await relay.pair(t)
    const words = Array.from({ length: 20 }, (_, i) => `word ${i}`)

    for (const word of words) alice.client.send(bob.relayed, word)
    await bob.client.received(20)
    await alice.client.bind(0x4001, bob.relayed)
    await bob.client.bind(0x4002, alice.relayed)
    for (const word of words) bob.client.send(0x4002, word)
    await alice.client.received(20)
    for (const word of words) alice.client.send(0x4001, word)
    await bob.client.received(40)

    t.same(alice.client.inbox, words)
    t.same(bob.client.inbox, [...words, ...words])
  })

  await t.test('a user’s quota holds over all shards, and comes back from each', async t => {
    relay.rewrite({ limits: { allocationsPerUser: 4 } })
    await relay.reload()
    const clients = await Promise.all(Array.from({ length: 12 }, () => relay.client(t, '@quota:example.org')))

    const answers = await Promise.all(clients.map(client => client.allocate()))

    const relayed = answers.flatMap(answer => (answer.kind === 'allocated' ? [answer.relayed[0]!] : []))
    t.equal(relayed.length, 4)
    t.ok(
      answers.every(
        answer => answer.kind === 'allocated' || (answer.kind === 'rejected' && answer.code === 486),
      ),
    )
    await Promise.all(clients.map((client, i) => answers[i]!.kind === 'allocated' && client.refresh(0)))
    // The main thread learns of it by a message of that worker, which an Allocate at another worker may overtake.
    const again = []
    for (let i = 0; again.length < 4 && i < 100; i++) {
      const { kind } = await clients[again.length]!.allocate()
      if (kind === 'allocated') again.push(kind)
    }
    t.equal(again.length, 4)
    t.equal((await clients[4]!.allocate()).kind, 'rejected', 'and no more than that')
    relay.rewrite({})
    await relay.reload()
  })

  await t.test('SEC-08: what a reload denies is denied in every shard when it is told', async t => {
    const [alice, bob] = await relay.pair(t)
    const peer = createSocket('udp4').bind(0, '127.0.0.1')
    t.teardown(() => peer.close())
    await once(peer, 'listening')
    const there = address(parseIp('127.0.0.1')!, peer.address().port)
    const heard: string[] = []
    peer.on('message', bytes => void heard.push(bytes.toString()))
    for (const { client } of [alice, bob]) {
      await client.permit(there)
      await client.bind(0x4001, there)
      client.send(0x4001, 'before')
    }
    while (heard.length < 2) await once(peer, 'message')

    relay.rewrite({ peers: { deny: ['127.0.0.0/8'], allow: [] } })
    await relay.reload()
    for (const { client } of [alice, bob]) {
      client.send(0x4001, 'after')
      // Answered behind what it sent before.
      t.match(await client.permit(there), { kind: 'rejected', code: 403 })
    }
    relay.rewrite({})
    await relay.reload()
    await alice.client.permit(there)
    alice.client.send(there, 'allowed again')
    while (!heard.includes('allowed again')) await once(peer, 'message')
    t.same(heard, ['before', 'before', 'allowed again'])
  })

  await t.test('TCP clients are spread, and meet UDP clients of either shard', async t => {
    const tcp = await relay.join(t, '@tcp:example.org', 'tcp')
    const [alice, bob] = await relay.pair(t)
    const shards = new Set([tcp.shard])
    for (let i = 0; shards.size < 2 && i < 64; i++) {
      shards.add((await relay.join(t, `@tcp${i}:example.org`, 'tcp')).shard)
    }
    for (const { client, relayed } of [alice, bob]) {
      await client.permit(tcp.relayed)
      await tcp.client.permit(relayed)
      client.send(tcp.relayed, 'to tcp')
    }
    await tcp.client.received(2)
    tcp.client.send(alice.relayed, 'from tcp')
    tcp.client.send(bob.relayed, 'from tcp')
    await Promise.all([alice.client.received(1), bob.client.received(1)])

    t.equal(shards.size, 2)
    t.same([alice.client.inbox, bob.client.inbox], [['from tcp'], ['from tcp']])
    t.match(await relay.metric('taciturn_connections'), /^[1-9]/)
  })

  await t.test('TLS is served by every worker, and a session of one is taken up by the others', async t => {
    let session: Buffer | undefined
    for (let i = 0; i < 8; i++) {
      const resumed = session ? { session } : {}
      const socket = connect({
        port: relay.tlsPort,
        host: '127.0.0.1',
        rejectUnauthorized: false,
        ...resumed,
      })
      t.teardown(() => socket.destroy())
      socket.on('session', next => {
        session = next
      })
      socket.write(bindingRequest())
      const [answer] = await once(socket, 'data')

      t.equal(mappedPort(answer), socket.localPort)
      t.equal(socket.isSessionReused(), i > 0)
    }
  })

  await t.test('P-08: a reserved port may be claimed with either worker', async t => {
    const shards = new Set<number>()
    for (let i = 0; i < 32 && shards.size < 2; i++) {
      const first = await relay.client(t, ALICE)
      const pair = await first.allocate({ port: 'pair' })
      t.match(pair, { kind: 'allocated', reservation: Buffer })
      if (pair.kind !== 'allocated') return
      const second = await relay.client(t, ALICE)
      const claimed = await second.allocate({ reservation: pair.reservation! })
      t.match(claimed, { kind: 'allocated' })
      if (claimed.kind !== 'allocated') return
      t.equal(claimed.relayed[0]!.port, pair.relayed[0]!.port + 1)
      t.match(await (await relay.client(t, ALICE)).allocate({ reservation: pair.reservation! }), {
        code: 508,
      })

      // Each hears the other through it, whichever workers they are with.
      await first.permit(claimed.relayed[0]!)
      await second.permit(pair.relayed[0]!)
      first.send(claimed.relayed[0]!, 'ping')
      await second.received(1)
      second.send(pair.relayed[0]!, 'pong')
      await first.received(1)
      const [here, there] = [pair, claimed].map(one => relay.shardOf(one.relayed[0]!)!)
      if (here !== there) shards.add(there!)
      for (const client of [first, second]) await client.refresh(0)
    }
    t.equal(shards.size, 2, 'both have claimed a port of the other')
  })

  await t.test('what the workers count adds up, and what they hold', async t => {
    const before = await relay.relayed()
    const [alice, bob] = await relay.pair(t)

    for (let i = 0; i < 10; i++) alice.client.send(bob.relayed, 'ten octets')
    await bob.client.received(10)

    const after = await relay.relayed()
    t.equal(after.toPeer - before.toPeer, 100, 'by the one shard')
    t.equal(after.toClient - before.toClient, 100, 'by the other')
    t.equal(await relay.metric('taciturn_workers{state="running"}'), '2')
  })

  await t.test('a worker that breaks is replaced, and no call ends', async t => {
    const [alice, bob] = await relay.pair(t)
    const peer = createSocket('udp4').bind(0, '127.0.0.1')
    t.teardown(() => peer.close())
    await once(peer, 'listening')
    const there = address(parseIp('127.0.0.1')!, peer.address().port)
    let heard = 0
    peer.on('message', (bytes, from) => {
      heard++
      peer.send(bytes, from.port, from.address)
    })
    await bob.client.permit(there)
    const counted = await relay.relayed()
    const held = relay.held(alice.shard)
    t.ok(held > 0)

    await alice.client.permit(there)
    // Both talk all through it, and wait for each word to come back.
    let over = false
    const talk = async ({ client }: typeof alice) => {
      for (let i = 1; !over || i < 50; i++) {
        client.send(there, `word ${i}`)
        await client.received(i)
      }
    }
    const talking = [talk(alice), talk(bob)]
    const gone = relay.logged(/a worker broke/)
    const taken = relay.logged(/a worker has taken over/)
    const sockets = readdirSync('/proc/self/fd').length
    relay.hands[alice.shard]!.terminate()
    t.match(await gone, { worker: alice.shard, calls: held })
    t.match(await taken, { worker: alice.shard, callsKept: held, callsLost: 0 })
    over = true
    await Promise.all(talking)

    t.equal(heard, bob.client.inbox.length + alice.client.inbox.length, 'nothing was lost on the way')
    t.match(await alice.client.refresh(600), { kind: 'refreshed' }, 'with the successor')
    t.match(await bob.client.refresh(600), { kind: 'refreshed' })
    t.equal(relay.held(alice.shard), held)
    t.ok((await relay.relayed()).toPeer >= counted.toPeer, 'what the dead one counted is kept')
    const left = readdirSync('/proc/self/fd').length
    t.ok(left <= sockets + 10, `${left} descriptors, and ${sockets} before`)
    alice.client.send(bob.relayed, 'from worker to worker')
    await bob.client.received(bob.client.inbox.length + 1)
    t.match(await relay.page('/readyz'), { ready: true })
    const carol = await relay.join(t, '@carol:example.org', 'tcp')
    t.match(await carol.client.refresh(600), { kind: 'refreshed' }, 'TCP is served as well')
  })

  await t.test('stopped, everything is told and everything closed', async t => {
    relay.service.shutdown.stop('test')
    t.equal(await relay.service.finished, 0)

    const said = relay.lines.map(line => line.msg)
    const count = (msg: string) => said.filter(one => one === msg).length
    t.equal(count('closed'), count('opened'), 'every allocation that opened was told as closed')
    t.equal(said.at(-1), 'stopped')
    t.notOk(relay.lines.some(line => line.reason === 'lost'))
    const alone = createSocket('udp4').bind(relay.port, '127.0.0.1')
    await once(alone, 'listening')
    alone.close()
    const server = createServer().listen(relay.port, '127.0.0.1')
    await once(server, 'listening')
    server.close()
  })
})
