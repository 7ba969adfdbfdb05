import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { MAIN, NO_RATES, startBenchRelay } from '../support/relay.ts'
import type { AttackOrder } from './attacker.ts'
import { ATTACKS } from './attacks.ts'
import { Stream } from './stream.ts'

/*
 * The worst client: one credential and a rate, with each of several attacks,
 * next to somebody else's stream of 50 packets a second, which goes through
 * the relay and comes back the same way.
 */
const { values: options } = parseArgs({
  options: {
    workers: { type: 'string', default: '1,4' },
    seconds: { type: 'string', default: '5' },
    kilobits: { type: 'string', default: '1300' },
    // Milliseconds after which what has gathered is sent at once.
    burst: { type: 'string', default: '4' },
    only: { type: 'string', default: '' },
    unmetered: { type: 'boolean', default: false },
    udp: { type: 'string', default: 'auto' },
    port: { type: 'string', default: '24822' },
    main: { type: 'string', default: MAIN },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) {
  console.log(`Options: --workers of the relay (${options.workers}); --seconds of each attack (${options.seconds}); --kilobits a second (${options.kilobits});
--burst: milliseconds of it that are sent at once (${options.burst}); --only what has this in its name; --unmetered: without limits of rates, so that only
the turns protect the stream; --udp native or dgram; --port of the relay (${options.port}); --main the program`)
  process.exit()
}
const duration = Number(options.seconds) * 1000

for (const workers of options.workers.split(',').map(Number)) {
  console.log(`${workers} worker${workers === 1 ? '' : 's'}; ms there and back`)
  for (const [attack, { name }] of ATTACKS.entries()) {
    if (attack > 0 && !name.includes(options.only)) continue
    const relay = await startBenchRelay({
      port: Number(options.port),
      main: options.main,
      udp: options.udp,
      workers,
      limits: { peersPerUserPerMinute: 'unlimited', ...(options.unmetered && NO_RATES) },
    })
    const stream = await Stream.open(relay.port)
    const order: AttackOrder = {
      attack,
      port: relay.port,
      rate: attack === 0 ? 0 : (Number(options.kilobits) * 1000) / 8,
      duration,
      burst: Number(options.burst),
    }
    const attacker = new Worker(new URL('./attacker.js', import.meta.url), { workerData: order })
    await once(attacker, 'message')
    // Those who had to wait while it prepared have had their turn.
    await sleep(1000)
    const before = relay.cpu()
    stream.start()
    attacker.postMessage('go')
    const [{ messages }] = (await once(attacker, 'message')) as [{ messages: number }]
    const share = (relay.cpu() - before) / 1000 / duration
    const { sent, took } = await stream.stop()
    const at = (part: number) =>
      (took[Math.min(took.length - 1, Math.floor(took.length * part))] ?? 0).toFixed(1)
    console.log(
      `  ${name.padEnd(54)}${`${messages}`.padStart(7)} messages ${(share * 100).toFixed(0).padStart(4)} % of a core   ` +
        `lost ${sent - took.length} of ${sent}   p50 ${at(0.5)}   p99 ${at(0.99)}   longest ${at(1)}`,
    )
    await attacker.terminate()
    await relay.stop()
  }
}
process.exit()
