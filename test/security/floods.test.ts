import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { BenchReport } from '../../src/load/report/report.ts'
import { Child } from '../support/child.ts'
import { credential } from '../support/credentials.ts'
import { buildFlooder, CONNECTING, connecting, flood, NOISE, UNSIGNED } from '../support/flooding.ts'
import {
  CLIENT,
  type HostileServer,
  hostileNet,
  metric,
  PORT,
  SECRET,
  SERVER,
  startTaciturn,
} from '../support/hostile-net.ts'
import { enterNamespace, Namespace, needNamespaces } from '../support/namespaces.ts'
import { descriptorsOf, residentOf } from '../support/process-memory.ts'
import { MAIN } from '../support/relay.ts'
import { openSession, relayedOf, type Target } from '../support/turn-session.ts'

await enterNamespace(import.meta.url)
t.setTimeout(1_500_000)

/** Seconds that each flood is measured for. */
const SECONDS = process.env.TEST_LONG ? 60 : 6
const CALLS = 10
/** Answers a second to strangers of one network, where that is tested. */
const LIMIT = 20
/**
 * Packets a second of a flood, one for each time that it may be tried; 0 is all that the flooder's core can send. A
 * machine whose cores are shared with others may give the relay less of one than the flooder gets of the other, and no
 * relay carries calls through a buffer that overflows. The last is as many packets as 600 calls make.
 */
const RATES = [0, 200_000, 100_000, 60_000]
const LOG_LINES = 1000
/** What all floods together may leave in memory: a heap that has grown, and what OpenSSL's handshakes leave to malloc. */
const MEMORY = 192 << 20
/**
 * What attacks has a core of its own. Everybody else has the other: the kernel
 * queues what is sent by the core that sends it, and a queue that the attack
 * overflows shall not be one that calls are in. Relay and calls go before
 * whatever else this machine is doing.
 */
const cores = availableParallelism() > 1
if (cores) execFileSync('taskset', ['-p', '-c', '0', `${process.pid}`])
const URGENT = ['nice', '-n', '-15']
const ATTACKER = [...(cores ? ['taskset', '-c', '1'] : []), 'nice', '-n', '19']

t.test('calls while others attack', needNamespaces('cc', 'openssl', 'python3', 'taskset'), async t => {
  const net = await hostileNet(t)
  const program = buildFlooder(t)
  const relay = await startTaciturn(t, net, {}, URGENT)
  const floods: { name: string; ids: string; start: (rate: number) => Child }[] = [
    ...[...UNSIGNED, ...NOISE].map(kind => ({
      name: kind.name,
      ids: 'SEC-29, ABU-04, ABU-15, OPS-06',
      start: (rate: number) => flood(net, program, kind, { sources: 100_000, rate }, ATTACKER),
    })),
    ...CONNECTING.map(({ name, args }) => ({
      name,
      ids: name.includes('TLS') ? 'ABU-11, ABU-12, OPS-06' : 'ABU-11, OPS-06',
      start: () => connecting(net, args, ATTACKER),
    })),
  ]

  const quiet = await calls(t, relay)
  t.comment(`undisturbed: ${quiet.lost} of ${quiet.sent} lost`)
  const resting = { memory: residentOf(relay.child.pid), descriptors: descriptorsOf(relay.child.pid) }

  for (const { name, ids, start } of floods) {
    t.test(`${name}: calls lose less than 1 %, and newcomers are served [${ids}]`, async t => {
      for (const rate of RATES) {
        const lines = countLines(relay)
        const memory = residentOf(relay.child.pid)
        const attack = start(rate)
        t.teardown(() => attack.stop())
        const [{ lost, sent }, took] = await Promise.all([calls(t, relay), newcomer()])
        t.notOk(attack.exit, 'the attack went on to the end')
        await attack.stop()

        t.comment(
          `${lost} of ${sent} lost (${((lost / sent) * 100).toFixed(3)} %); newcomer after ${took} ms`,
        )
        const grown = residentOf(relay.child.pid) - memory
        t.comment(`${attack.stdout.trim().split('\n').at(-1)}; memory ${Math.round(grown / 1024)} kB more`)
        if ((lost >= sent / 100 || took >= 1000) && rate !== RATES.at(-1)) continue
        t.ok(lost < sent / 100, `${lost} of ${sent} lost`)
        t.ok(took < 1000, `a newcomer had an allocation after ${took} ms`)
        t.ok(countLines(relay) - lines < LOG_LINES, `${countLines(relay) - lines} lines in the log`)
        return
      }
    })
  }

  t.test('afterwards nothing is left of it all [ABU-11, OPS-06, SEC-54]', async t => {
    // Connections that said nothing have half a minute for their first request.
    await until(() => descriptorsOf(relay.child.pid) <= resting.descriptors + 8, 60_000)
    t.ok(
      descriptorsOf(relay.child.pid) <= resting.descriptors + 8,
      `${descriptorsOf(relay.child.pid)} descriptors`,
    )
    const grown = residentOf(relay.child.pid) - resting.memory
    t.ok(grown < MEMORY, `${Math.round(grown / 1024)} kB more memory`)
    t.equal(await metric('taciturn_allocations'), 0)
  })
})

t.test('answers to strangers', needNamespaces('cc', 'openssl'), async t => {
  const net = await hostileNet(t)
  // The client's network has many hosts, and they are all of them forged.
  Namespace.own().route('local', '81.2.69.128/25', 'dev', 'lo')
  const program = buildFlooder(t)
  await startTaciturn(t, net, { limits: { unverifiedAnswersPerNetwork: LIMIT } }, URGENT)
  const kind = UNSIGNED[1]!
  const network = { first: '81.2.69.128', sources: 120, rate: 20_000 }
  const target: Target = { host: SERVER.ip4, port: PORT }
  const alice = credential(SECRET, '@alice:example.org')

  t.test(
    'a network that was forged gets as many as its limit says, and then none [SEC-29, ABU-03, ABU-04]',
    async t => {
      const known = await openSession(target, alice)
      t.teardown(() => known.close())
      relayedOf(await known.allocate())
      t.equal(await known.release(), 0)

      const before = Namespace.own().counted('outside', 'rx_packets')
      const packets = 40_000
      const seconds = await timed(async () => {
        await flood(net, program, kind, { ...network, packets }, ATTACKER).exited
      })
      const answers = Namespace.own().counted('outside', 'rx_packets') - before
      // Ten seconds of it at once, what has come back since, and what the network itself needs: ARP asks for each host.
      const most = LIMIT * (10 + seconds / 1000) + network.sources + 20
      t.comment(`${answers} answers to ${packets} requests in ${seconds} ms`)
      t.ok(answers >= LIMIT * 9 && answers <= most, `${answers} answers, at most ${most}`)
      t.ok((await metric('taciturn_drops_total')) > packets - most - 100, 'all others are counted as dropped')

      const more = flood(net, program, kind, network, ATTACKER)
      t.teardown(() => more.stop())
      t.ok((await timed(async () => relayedOf(await known.allocate()))) < 1000, 'who holds a nonce is let in')
      const byTcp = await openSession({ ...target, via: 'tcp' }, alice)
      t.teardown(() => byTcp.close())
      t.ok((await timed(async () => relayedOf(await byTcp.allocate()))) < 1000, 'and who comes by TCP')
      await more.stop()
    },
  )

  t.test('one host that floods leaves its neighbours theirs [SEC-29, ABU-04]', async t => {
    // What the network owes from before is ten seconds of its rate at most.
    await new Promise(resolve => setTimeout(resolve, 11_000))
    const attack = flood(net, program, kind, { ...network, sources: 1 }, ATTACKER)
    t.teardown(() => attack.stop())
    const took = await timed(async () => {
      const session = await openSession({ ...target, from: CLIENT.ip4 }, alice)
      t.teardown(() => session.close())
      relayedOf(await session.allocate())
    })
    await attack.stop()
    t.ok(took < 1000, `${took} ms`)
  })
})

/** Runs calls of 50 packets a second each way; what they lost. */
async function calls(t: Test, relay: HostileServer): Promise<{ sent: number; lost: number }> {
  const secret = join(relay.folder, 'secret')
  writeFileSync(secret, `${SECRET}\n`)
  const words = [
    ...URGENT,
    ...[process.execPath, MAIN, 'bench', '--json', '--server', `turn:${SERVER.ip4}:${PORT}`],
    ...['--secret-file', secret, '--profile', 'audio', '--allocations', `${CALLS}`],
    ...['--duration', `${SECONDS}s`, '--open', `${CALLS}`, '--generators', '1'],
  ]
  const bench = new Child(words[0]!, words.slice(1), { env: { ...process.env, LANG: 'C', NO_COLOR: '1' } })
  t.teardown(() => bench.stop())
  await bench.exited
  if (bench.exit?.code !== 0) throw new Error(`bench ended with ${bench.exit?.code}:\n${bench.output}`)
  const { full } = (JSON.parse(bench.stdout) as BenchReport).servers[0]!.rounds[0]!
  return { sent: full.sent, lost: full.lost }
}

/** Opens an allocation in the middle of it all; how long that took. */
async function newcomer(): Promise<number> {
  await new Promise(resolve => setTimeout(resolve, 3000))
  return timed(async () => {
    const session = await openSession(
      { host: SERVER.ip4, port: PORT },
      credential(SECRET, '@new:example.org'),
    )
    relayedOf(await session.allocate())
    await session.release()
    session.close()
  })
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await run()
  return Math.round(performance.now() - start)
}

async function until(is: () => boolean, patience: number): Promise<void> {
  const end = performance.now() + patience
  while (!is() && performance.now() < end) await new Promise(resolve => setTimeout(resolve, 200))
}

function countLines({ child }: HostileServer): number {
  return child.output.split('\n').length
}
