import type { Test } from 'tap'
import type { Address } from '../../src/base/address.ts'
import { load } from '../../src/config/load.ts'
import { Log } from '../../src/log/log.ts'
import { Service } from '../../src/process/service.ts'
import { loadAddon } from '../../src/system/native-addon.ts'
import {
  type Spawn,
  spawnFile,
  spawnThread,
  type WorkerEvents,
  type WorkerHandle,
} from '../../src/workers/spawn.ts'
import { callClient } from './call-client.ts'
import { selfSigned } from './certificate.ts'
import { freePort } from './ports.ts'
import { rewrite as rewriteConfig, SECRET, writeConfig } from './settings.ts'

export const ALICE = '@alice:example.org'
/** More than any user of these tests needs, so that a limit is only met where it is meant. */
export const PLENTY = 64

/** Skips a test where several workers cannot be had; not where everything must be tested. */
export function needWorkers(): { readonly skip: string | false } {
  const addon = loadAddon()
  return { skip: !addon.ok && process.env.CI === undefined ? addon.error : false }
}

/** A service with two workers on free loopback ports. */
export async function startTwoWorkers(t: Test, config: Readonly<Record<string, unknown>> = {}, worker?: URL) {
  const port = await freePort()
  const tlsPort = await freePort()
  const metrics = await freePort()
  const own = {
    listen: [`udp://127.0.0.1:${port}`, `tcp://127.0.0.1:${port}`, `tls://127.0.0.1:${tlsPort}`],
    tls: selfSigned(t.testdir()),
    metrics: `http://127.0.0.1:${metrics}`,
    udp: 'native',
    workers: 2,
    limits: { allocationsPerUser: PLENTY },
    peers: { allow: ['127.0.0.1'] },
    ...config,
  }
  const { file, folder } = writeConfig(own)
  const lines: Record<string, unknown>[] = []
  const waiting: { pattern: RegExp; found: (line: Record<string, unknown>) => void }[] = []
  const sink = {
    write: (text: string) => {
      const line = JSON.parse(text) as Record<string, unknown>
      lines.push(line)
      const found = waiting.filter(({ pattern }) => pattern.test(String(line.msg)))
      for (const one of found) {
        waiting.splice(waiting.indexOf(one), 1)
        one.found(line)
      }
    },
  }
  const again = () => load({ path: file, env: {}, cwd: folder })
  const log = new Log({ level: 'info', format: 'json', sink })
  const hands: WorkerHandle[] = []
  const shards = new Map<Address['key'], number>()
  const held = new Map<number, number>()
  let referred = 0
  const spawn: Spawn = (start, told) => {
    if (!start.takeOver) held.set(start.index, 0)
    const hears: WorkerEvents = {
      ...told,
      messages: messages => {
        for (const message of messages) {
          if (message.kind === 'guest' && message.message.kind === 'came' && message.message.isReferred)
            referred++
          if (message.kind === 'taken-over') held.set(start.index, message.allocations.length)
          if (message.kind !== 'told') continue
          const { event } = message
          if (event.kind === 'opened') for (const { key } of event.relayed) shards.set(key, start.index)
          const change = event.kind === 'opened' ? 1 : event.kind === 'closed' ? -1 : 0
          held.set(start.index, held.get(start.index)! + change)
        }
        told.messages(messages)
      },
    }
    const hand = worker ? spawnFile(worker, start, hears) : spawnThread(start, hears)
    hands[start.index] = hand
    return hand
  }
  const service = new Service(again(), { version: '0.0.0', log, load: again, spawn })
  t.teardown(async () => {
    service.shutdown.force()
    await service.finished
  })
  await service.start()

  const logged = (pattern: RegExp) =>
    new Promise<Record<string, unknown>>(found => void waiting.push({ pattern, found }))
  const client = async (t: Test, user: string, via: 'udp' | 'tcp' = 'udp') => {
    const client = await callClient(port, SECRET, user, via)
    t.teardown(() => client.close())
    return client
  }
  const join = async (t: Test, user: string, via: 'udp' | 'tcp' = 'udp') => {
    const one = await client(t, user, via)
    const answer = await one.allocate()
    if (answer.kind !== 'allocated') throw new Error(`${user} got ${JSON.stringify(answer)}`)
    const relayed = answer.relayed[0]!
    // The client may have its answer before the main thread has been told.
    while (!shards.has(relayed.key)) await new Promise(setImmediate)
    return { client: one, relayed, shard: shards.get(relayed.key)! }
  }
  const page = async (path: string) => {
    const text = await (await fetch(`http://127.0.0.1:${metrics}${path}`)).text()
    return text.startsWith('{') ? JSON.parse(text) : text
  }
  const metric = async (name: string): Promise<string> => {
    const line = String(await page('/metrics'))
      .split('\n')
      .find(line => line.startsWith(`${name} `))
    return line?.slice(name.length + 1) ?? `no ${name}`
  }
  return {
    service,
    port,
    tlsPort,
    lines,
    hands,
    logged,
    client,
    join,
    page,
    metric,
    rewrite: (changes: Readonly<Record<string, unknown>>) => rewriteConfig(file, { ...own, ...changes }),
    reload: () => {
      const done = logged(/configuration reloaded/)
      service.reload.request()
      return done
    },
    /** The shard that a relayed address belongs to. */
    shardOf: (relayed: Address) => shards.get(relayed.key),
    /** Requests that one shard had another answer. */
    referred: () => referred,
    /** Allocations that a shard has told of. */
    held: (shard: number) => held.get(shard)!,
    /** Payload octets of UDP clients. */
    relayed: async () => ({
      toPeer: Number(await metric('taciturn_relayed_bytes_total{transport="udp",direction="to_peer"}')),
      toClient: Number(await metric('taciturn_relayed_bytes_total{transport="udp",direction="to_client"}')),
    }),
    /** A client of each shard, each with a permission for the other. */
    pair: async (t: Test, first = ALICE, second = '@bob:example.org') => {
      const alice = await join(t, first)
      let bob = await join(t, second)
      while (bob.shard === alice.shard) bob = await join(t, second)
      await alice.client.permit(bob.relayed)
      await bob.client.permit(alice.relayed)
      return [alice, bob] as const
    },
  }
}
