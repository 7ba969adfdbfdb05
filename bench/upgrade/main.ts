import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { Kind } from './call.ts'
import type { Outcome, Rounds } from './calls.ts'
import type { Ask } from './generator.ts'
import { UpgradedRelay } from './relay.ts'

/*
 * What upgrades cost the calls: many of them, of all kinds, talk while a relay is upgraded several times in a row. Ends
 * with 1 where an allocation or a packet is lost, or where something is left over; the gaps are for the reader to judge.
 */
const { values: options } = parseArgs({
  options: {
    calls: { type: 'string', default: '200' },
    upgrades: { type: 'string', default: '10' },
    workers: { type: 'string', default: '1' },
    /** Calls that are opened after each upgrade. */
    fresh: { type: 'string', default: '4' },
    seconds: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) {
  console.log(`Options: --calls (${options.calls}); --upgrades (${options.upgrades}); --workers (${options.workers}); --fresh calls that are opened after each
upgrade (${options.fresh}), so that more than one old process has some over TLS; --seconds between two upgrades (${options.seconds}); --json`)
  process.exit()
}
const [upgrades, fresh, seconds] = [options.upgrades, options.fresh, options.seconds].map(Number) as [
  number,
  number,
  number,
]
/** Milliseconds for the old processes to end after the last call. */
const PATIENCE = 15_000

/** The calls, in a process of their own. */
class Generator {
  readonly #process: ChildProcess = fork(join(import.meta.dirname, 'generator.js'))

  async ask<T>(ask: Ask): Promise<T> {
    this.#process.send(ask)
    const [{ value, error }] = (await once(this.#process, 'message')) as [{ value: T; error?: string }]
    if (error !== undefined) throw new Error(error)
    return value
  }

  end(): void {
    this.#process.disconnect()
  }
}

interface Upgraded {
  readonly processes: number
  readonly paused: number
  readonly stays: number
  readonly rounds: Rounds
}

const relay = await UpgradedRelay.start(Number(options.workers))
const generator = new Generator()
const faults: string[] = []
try {
  const { port, tlsPort, secret } = relay
  await generator.ask({ kind: 'start', port, tlsPort, secret })
  let allocations = await generator.ask<number>({ kind: 'open', count: Number(options.calls) })
  await generator.ask({ kind: 'talk' })
  await sleep(seconds * 1000)
  const undisturbed = await generator.ask<Rounds>({ kind: 'round' })
  const rows: Upgraded[] = []
  for (let number = 1; number <= upgrades; number++) {
    const before = relay.processes().length
    const { ok, why, gap, stays } = await relay.upgrade()
    if (!ok) throw new Error(`upgrade ${number} failed: ${why}`)
    await sleep(seconds * 1000)
    const rounds = await generator.ask<Rounds>({ kind: 'round' })
    rows.push({ processes: before, paused: gap, stays, rounds })
    if (!options.json) console.log(rowOf(`${number}`, rows.at(-1)!))
    if (fresh > 0) allocations = await generator.ask<number>({ kind: 'open', count: fresh })
    await generator.ask({ kind: 'round' })
  }
  const outcome = await generator.ask<Record<Kind, Outcome>>({ kind: 'outcome' })
  const missing = await generator.ask<number>({ kind: 'missing' })
  const processes = relay.processes().length
  await generator.ask({ kind: 'end' })
  const until = performance.now() + PATIENCE
  while (relay.processes().length > 1 && performance.now() < until) await sleep(100)
  const left = relay.processes().length - 1
  for (const [kind, { lost, twice }] of Object.entries(outcome))
    if (lost + twice > 0) faults.push(`${kind}: ${lost} packets lost, ${twice} twice`)
  if (missing > 0) faults.push(`${missing} of ${allocations} allocations are gone`)
  if (left > 0) faults.push(`${left} old processes are left over`)
  if (options.json)
    console.log(JSON.stringify({ options, load: loadavg(), undisturbed, rows, outcome, missing, left }))
  else
    report(
      undisturbed,
      outcome,
      `${allocations} allocations, ${missing} gone; ${processes} processes at the end, ${left} left over`,
    )
} finally {
  generator.end()
  await relay.stop()
}
for (const fault of faults) console.error(fault)
process.exitCode = faults.length > 0 ? 1 : 0

function rowOf(name: string, { processes, paused, stays, rounds }: Upgraded): string {
  const figures = (['udp', 'tcp', 'tls'] as const).map(kind => `${kind} ${pairOf(rounds[kind])}`)
  return `${name}: paused ${paused.toFixed(1)} ms, ${stays} stay, ${processes} processes; longest gap and delay: ${figures.join(', ')}; late itself ${rounds.stall.toFixed(0)}`
}

function report(undisturbed: Rounds, outcome: Record<Kind, Outcome>, last: string): void {
  const { udp, tcp, tls, stall } = undisturbed
  console.log(
    `without an upgrade: udp ${pairOf(udp)}, tcp ${pairOf(tcp)}, tls ${pairOf(tls)}; late itself ${stall.toFixed(0)}`,
  )
  for (const [kind, { calls, sent, lost, twice }] of Object.entries(outcome))
    console.log(`${kind}: ${calls} calls, ${sent} packets, ${lost} lost, ${twice} twice`)
  console.log(`${last}; load ${loadavg()[0]!.toFixed(1)}`)
}

function pairOf({ gap, delay }: { readonly gap: number; readonly delay: number }): string {
  return `${gap.toFixed(0)}/${delay.toFixed(0)} ms`
}
