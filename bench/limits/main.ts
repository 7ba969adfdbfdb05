import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { median } from '../../src/load/measure/statistics.ts'
import type { BenchReport } from '../../src/load/report/report.ts'
import { type Contestant, credential, type Rates, startTaciturn } from '../relay/contestants.ts'

/**
 * What limits of the bit rate cost where nobody meets them: CPU time for a
 * relayed packet of a flood, without any, and with all three (user, homeserver
 * and in all), in turns.
 */
const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '2' },
    allocations: { type: 'string', default: '20' },
    udp: { type: 'string', default: 'native' },
    // Below the ports that the kernel hands out by itself.
    port: { type: 'string', default: '24790' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) {
  console.log(`Options: --rounds (${options.rounds}); --seconds of each measurement (${options.seconds}); --allocations under
load (${options.allocations}); --udp native or dgram (${options.udp}); --port first UDP port of the relays (${options.port}); --json`)
  process.exit()
}
const rounds = Number(options.rounds)
const firstPort = Number(options.port)
const udp = options.udp === 'dgram' ? 'dgram' : 'native'
const MAIN = join(import.meta.dirname, '..', '..', '..', 'dist', 'cli', 'main.js')

/** More than any machine here relays, so that every packet is paid for and none is dropped. */
const HIGH = '100 Gbit/s'
const CASES: readonly { readonly name: string; readonly rates: Rates }[] = [
  { name: 'no limits', rates: {} },
  { name: 'user, homeserver and total', rates: { ofUser: HIGH, ofHomeserver: HIGH, inAll: HIGH } },
]

const relays: Contestant[] = []
for (const [i, { rates }] of CASES.entries()) {
  const relay = await startTaciturn(udp, firstPort + i, process.execPath, rates)
  if (!relay) throw new Error(`this machine cannot relay through ${udp} sockets`)
  relays.push(relay)
}

const micros: number[][] = CASES.map(() => [])
// The first round warms both up.
for (let round = 0; round <= rounds; round++) {
  for (let turn = 0; turn < CASES.length; turn++) {
    // Each is first as often as it is last.
    const i = (turn + round) % CASES.length
    const each = await measure(relays[i]!)
    if (round > 0) micros[i]!.push(each)
  }
}
await Promise.all(relays.map(relay => relay.stop()))

const figures = CASES.map(({ name }, i) => {
  const seen = micros[i]!
  return { name, median: median(seen)!, best: Math.min(...seen), worst: Math.max(...seen) }
})
const ratio = figures[1]!.median / figures[0]!.median
if (options.json) console.log(JSON.stringify({ udp, rounds, figures, ratio }))
else {
  for (const { name, median, best, worst } of figures) {
    console.log(
      `${name.padEnd(28)} ${median.toFixed(2)} us a packet (${best.toFixed(2)} to ${worst.toFixed(2)})`,
    )
  }
  console.log(`with limits on, a packet costs ${ratio.toFixed(3)} times as much`)
}

/** CPU microseconds of the relay for a packet. */
async function measure(relay: Contestant): Promise<number> {
  const { username, password } = credential('@bench:example.org')
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      ...[MAIN, 'bench', '--json', '--server', `turn:127.0.0.1:${relay.port}`, '--pid', `${relay.pid}`],
      ...['--user', username, '--profile', 'flood', '--allocations', options.allocations],
      ...['--duration', `${options.seconds}s`, '--open', options.allocations],
    ],
    { env: { ...process.env, TACITURN_BENCH_PASSWORD: password }, maxBuffer: 1 << 26 },
  )
  const { full } = (JSON.parse(stdout) as BenchReport).servers[0]!.rounds[0]!
  if (full.serverCpuMicrosPerPacket === null) throw new Error('the processor time of the relay is not known')
  return full.serverCpuMicrosPerPacket
}
