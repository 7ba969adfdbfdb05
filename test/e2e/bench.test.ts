import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { BenchReport } from '../../src/load/report/report.ts'
import { Child } from '../support/child.ts'
import { need } from '../support/need.ts'
import { MAIN, startRelay } from '../support/relay.ts'

t.setTimeout(400_000)

/** Little enough for the slowest machine: what is tested is that it counts, not how fast it is. */
const LITTLE = [
  '--profile',
  'audio',
  '--allocations',
  '4',
  '--open',
  '10',
  '--duration',
  '2s',
  '--generators',
  '1',
]

/** Runs `taciturn bench` to its end. */
async function bench(t: Test, args: readonly string[], env: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'bench-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const child = new Child(process.execPath, [MAIN, 'bench', ...args], {
    cwd: folder,
    env: { ...process.env, ...env, TMPDIR: folder, LANG: 'C', NO_COLOR: '1' },
  })
  t.teardown(() => child.stop())
  const { code } = await child.exited
  return { code, child, folder }
}

/** What was printed; its one measurement must have gone without loss or fault. */
function flawless(t: Test, output: string, servers: number): BenchReport {
  const report = JSON.parse(output) as BenchReport
  t.equal(report.format, 'taciturn-bench')
  t.equal(report.servers.length, servers)
  for (const { name, rounds } of report.servers) {
    for (const { full } of rounds) {
      t.match(full, { corrupt: 0, misdelivered: 0, duplicates: 0, held: 0 }, name)
      t.ok(full.received > 0, `${full.received} received`)
      t.equal(full.lost, full.sent - full.received)
      t.ok(full.sent <= 801, `${full.sent} packets are no more than 4 × 2 × 50 in each of two seconds`)
      t.equal(full.latencyCurve.at(-1)?.[1], full.latencyMicros.max)
    }
  }
  return report
}

for (const [name, args] of [
  ['channels over UDP', []],
  ['indications over UDP', ['--indications']],
  ['channels over TCP', ['--transport', 'tcp']],
  ['indications over TLS', ['--transport', 'tls', '--indications']],
  ['the relay on dgram, one way', ['--udp', 'dgram', '--direction', 'to-peer']],
] as const) {
  t.test(`${name}: what is sent through a relay of its own arrives unharmed`, async t => {
    const { code, child } = await bench(t, [...LITTLE, ...args, '--json'])

    t.equal(code, 0, child.stderr)
    const [server] = flawless(t, child.stdout, 1).servers
    t.equal(server!.name, 'taciturn')
    t.equal(server!.rounds[0]!.opening.allocations, 10)
    t.ok(process.platform !== 'linux' || server!.rounds[0]!.full.serverCpuMicrosPerPacket! > 0)
  })
}

t.test('two generators, a table and an HTML report, and nothing is left behind', async t => {
  const { code, child, folder } = await bench(t, [...LITTLE, '--generators', '2', '--html', 'report.html'])

  t.equal(code, 0, child.stderr)
  t.match(child.stdout, /corrupt, misdelivered, duplicated +0\n/)
  t.match(child.stdout, /server CPU per packet +[\d.]+ µs/)
  t.match(readFileSync(join(folder, 'report.html'), 'utf8'), '<svg')
  t.same(readdirSync(folder), ['report.html'])
})

t.test('coturn takes turns with it', need('turnserver'), async t => {
  const { code, child } = await bench(t, [...LITTLE, '--against', 'coturn', '--rounds', '1', '--json'])

  t.equal(code, 0, child.stderr)
  const { servers } = flawless(t, child.stdout, 2)
  t.same(
    servers.map(({ name, rounds }) => [name, rounds.length]),
    [
      ['taciturn', 1],
      ['coturn', 1],
    ],
  )
})

t.test(
  'a relay that runs already is loaded with credentials from a file, and given back what it gave',
  async t => {
    const relay = await startRelay({ loopbackPeers: true })
    t.teardown(() => relay.stop())
    const secret = join(relay.folder, 'secret')
    writeFileSync(secret, `${relay.secret}\n`)
    const { code, child } = await bench(t, [
      ...['--server', `turn:127.0.0.1:${relay.port}`, '--secret-file', secret, '--json'],
      ...['--profile', 'audio', '--allocations', '4', '--duration', '2s'],
    ])

    t.equal(code, 0, child.stderr)
    const [server] = flawless(t, child.stdout, 1).servers
    t.equal(server!.rounds[0]!.full.serverCpuMicrosPerPacket, null)
    if (relay.metrics !== undefined) {
      const metrics = await (await fetch(relay.metrics)).text()
      t.match(metrics, /^taciturn_allocations\{\S* 0$/m)
      t.notMatch(metrics, /^taciturn_allocations\{\S* [1-9]/m)
    }
  },
)

t.test('a wrong secret ends with exit code 5 and without it in the output', async t => {
  const relay = await startRelay()
  t.teardown(() => relay.stop())
  const { code, child } = await bench(t, ['--server', `turn:127.0.0.1:${relay.port}`, '--duration', '1s'], {
    TACITURN_BENCH_SECRET: 'not what the relay has',
  })

  t.equal(code, 5)
  t.match(child.stderr, 'rejected Allocate with 401')
  t.notMatch(child.output, 'not what the relay has')
})

t.test('an interruption ends the relay and the generators, and takes the files away', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'bench-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const child = new Child(process.execPath, [MAIN, 'bench', ...LITTLE, '--duration', '60s'], {
    env: { ...process.env, TMPDIR: folder, LANG: 'C' },
  })
  t.teardown(() => child.stop())
  // The relay has its folder as soon as it is being started.
  while (readdirSync(folder).length === 0 && !child.exit)
    await new Promise(resolve => setTimeout(resolve, 20))
  const children = existsSync(`/proc/${child.pid}/task/${child.pid}/children`)
    ? readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'latin1')
        .trim()
        .split(' ')
        .filter(Boolean)
    : []

  child.signal('SIGINT')
  const { code } = await child.exited

  t.equal(code, 130)
  t.match(child.stderr, 'interrupted')
  t.same(readdirSync(folder), [])
  t.same(
    children.filter(pid => existsSync(`/proc/${pid}`)),
    [],
  )
})
