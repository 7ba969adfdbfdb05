import t, { type Test } from 'tap'
import { Log } from '../../../src/admin/log.ts'
import type { Address } from '../../../src/base/address.ts'
import { load } from '../../../src/config/load.ts'
import { loadAddon } from '../../../src/net/native-addon.ts'
import { Service } from '../../../src/server/service.ts'
import { type Hand, type Spawn, spawnThread } from '../../../src/server/spawn.ts'
import { callClient } from '../../support/call-client.ts'
import { freePort } from '../../support/ports.ts'
import { SECRET, writeConfig } from '../../support/settings.ts'

const addon = loadAddon()
const skip = typeof addon === 'string' && process.env.CI === undefined ? addon : false

t.test('clients of two shards call each other, relay to relay', { skip }, async t => {
  const relay = await start(t)
  const [alice, bob] = await relay.pair(t)

  for (let i = 0; i < 20; i++) alice.client.send(bob.relayed, `to bob ${i}`)
  await bob.client.received(20)
  for (let i = 0; i < 20; i++) bob.client.send(alice.relayed, `to alice ${i}`)
  await alice.client.received(20)
  await alice.client.bind(0x4001, bob.relayed)
  await bob.client.bind(0x4002, alice.relayed)
  alice.client.send(bob.relayed, 'by channel')
  bob.client.send(alice.relayed, 'by channel')
  await Promise.all([bob.client.received(21), alice.client.received(21)])

  t.same(bob.client.inbox, [...Array.from({ length: 20 }, (_, i) => `to bob ${i}`), 'by channel'])
  t.same(alice.client.inbox, [...Array.from({ length: 20 }, (_, i) => `to alice ${i}`), 'by channel'])
})

/** A service with two workers on free loopback ports. */
async function start(t: Test, config: Readonly<Record<string, unknown>> = {}) {
  const port = await freePort()
  const metrics = await freePort()
  const own = {
    listen: [`udp://127.0.0.1:${port}`, `tcp://127.0.0.1:${port}`],
    metrics: `http://127.0.0.1:${metrics}`,
    udp: 'native',
    workers: 2,
    ...config,
  }
  const { file, folder } = writeConfig(own)
  const lines: Record<string, unknown>[] = []
  const sink = { write: (text: string) => void lines.push(JSON.parse(text)) }
  const again = () => load({ path: file, env: {}, cwd: folder })
  const log = new Log({ level: 'debug', format: 'json', sink })
  const hands: Hand[] = []
  const shards = new Map<Address['key'], number>()
  const spawn: Spawn = (start, hears) => {
    const hand = spawnThread(start, {
      ...hears,
      messages: messages => {
        for (const message of messages) {
          if (message.kind !== 'told' || message.event.kind !== 'opened') continue
          for (const { key } of message.event.relayed) shards.set(key, start.index)
        }
        hears.messages(messages)
      },
    })
    hands[start.index] = hand
    return hand
  }
  const service = new Service(again(), { version: '0.0.0', log, load: again, spawn })
  t.teardown(async () => {
    service.force()
    await service.finished
  })
  await service.start()

  const join = async (t: Test, user: string) => {
    const client = await callClient(port, SECRET, user)
    t.teardown(() => client.close())
    const answer = await client.allocate()
    if (answer.kind !== 'allocated') throw new Error(`${user} got ${JSON.stringify(answer)}`)
    const relayed = answer.relayed[0]!
    return { client, relayed, shard: shards.get(relayed.key)! }
  }
  return {
    service,
    port,
    lines,
    hands,
    join,
    /** A client of each shard, each with a permission for the other. */
    pair: async (t: Test) => {
      const alice = await join(t, '@alice:example.org')
      let bob = await join(t, '@bob:example.org')
      for (let i = 0; bob.shard === alice.shard; i++) bob = await join(t, `@bob${i}:example.org`)
      await alice.client.permit(bob.relayed)
      await bob.client.permit(alice.relayed)
      return [alice, bob] as const
    },
    page: async (path: string) => (await fetch(`http://127.0.0.1:${metrics}${path}`)).text(),
  }
}
