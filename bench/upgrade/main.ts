import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { Kind } from './call.ts'
import { KINDS, type Outcome, type Rounds, type Spread, spreadOf } from './calls.ts'
import type { Ask } from './generator.ts'
import { UpgradedRelay } from './relay.ts'

/*
 * What upgrades cost the calls: many of them, of all kinds, talk while a relay is upgraded several times in a row. Ends
 * with 1 where an allocation or a packet is lost, where something is left over, or where a call over UDP or TCP was
 * silent for longer than `--longest`.
 */
const { values: options } = parseArgs({
  options: {
    calls: { type: 'string', default: '200' },
    upgrades: { type: 'string', default: '10' },
    workers: { type: 'string', default: '1' },
    /** Calls that are opened after each upgrade. */
    fresh: { type: 'string', default: '4' },
    seconds: { type: 'string', default: '3' },
    /** Milliseconds that no call over UDP or TCP may be silent. */
    longest: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) {
  console.log(`Options: --calls (${options.calls}); --upgrades (${options.upgrades}); --workers (${options.workers}); --fresh calls that are opened after each
upgrade (${options.fresh}), so that more than one old process has some over TLS; --seconds between two upgrades (${options.seconds}); --longest milliseconds
that a call over UDP or TCP may be silent for without a failure (any); --json`)
  process.exit()
}
const [upgrades, fresh, seconds] = [options.upgrades, options.fresh, options.seconds].map(Number) as [
  number,
  number,
  number,
]
/** Calls that warm the relay up. */
const FEW = 20
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
  // A few first, and the others once its code is warm.
  const few = Math.min(FEW, Number(options.calls))
  await generator.ask({ kind: 'open', count: few })
  await generator.ask({ kind: 'talk' })
  await sleep(seconds * 1000)
  let allocations = await generator.ask<number>({ kind: 'open', count: Number(options.calls) - few })
  await sleep(seconds * 1000)
  await generator.ask({ kind: 'round' })
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
    if (!options.json) console.log(`${headOf(number, rows.at(-1)!)}; ${rowOf('gap and delay', rounds)}`)
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
  for (const kind of KINDS) {
    const { lost, twice } = outcome[kind]
    const before = `${undisturbed[kind].absent} of them lost or under way before the first upgrade`
    if (lost + twice > 0) faults.push(`${kind}: ${lost} packets lost, ${before}; ${twice} twice`)
  }
  if (missing > 0) faults.push(`${missing} of ${allocations} allocations are gone`)
  if (left > 0) faults.push(`${left} old processes are left over`)
  for (const kind of ['udp', 'tcp'] as const) {
    const worst = Math.max(...rows.map(({ rounds }) => rounds[kind].gap.worst))
    if (worst > Number(options.longest ?? Number.POSITIVE_INFINITY))
      faults.push(`${kind}: silent for ${worst.toFixed(1)} ms`)
  }
  if (options.json)
    console.log(JSON.stringify({ options, load: loadavg(), undisturbed, rows, outcome, missing, left }))
  else {
    console.log(rowOf('without an upgrade', undisturbed))
    summary(rows)
    for (const [kind, { calls, sent, lost, twice }] of Object.entries(outcome))
      console.log(`${kind}: ${calls} calls, ${sent} packets, ${lost} lost, ${twice} twice`)
    console.log(
      `${allocations} allocations, ${missing} gone; ${processes} processes at the end, ${left} left over`,
    )
  }
} finally {
  generator.end()
  await relay.stop()
}
for (const fault of faults) console.error(fault)
process.exitCode = faults.length > 0 ? 1 : 0

function headOf(number: number, { processes, paused, stays }: Upgraded): string {
  return `${number}: paused ${paused.toFixed(1)} ms, ${stays} stay, ${processes} processes`
}

/** The longest gap and delay of half of the ways, of 99% and of all; and what has been sent and has not arrived. */
function rowOf(name: string, rounds: Rounds): string {
  const figures = KINDS.map(kind => {
    const { gap, delay, absent } = rounds[kind]
    return `${kind} ${spread(gap)} and ${spread(delay)}, ${absent} not there`
  }).join('; ')
  const { talker, own } = rounds.late
  return `${name} p50/p99/max: ${figures}; late itself ${talker.toFixed(0)}, over TLS ${own.toFixed(0)}`
}

/** The worst of each upgrade, over all upgrades. */
function summary(rows: readonly Upgraded[]): void {
  const over = (of: (row: Upgraded) => number) => spread(spreadOf(rows.map(of)))
  console.log(
    `over ${rows.length} upgrades, p50/p99/max of the longest of each: paused ${over(row => row.paused)}`,
  )
  for (const kind of KINDS) {
    const gap = over(({ rounds }) => rounds[kind].gap.worst)
    const delay = over(({ rounds }) => rounds[kind].delay.worst)
    console.log(`  ${kind}: gap ${gap}, delay ${delay}`)
  }
}

function spread({ half, most, worst }: Spread): string {
  return `${[half, most, worst].map(value => value.toFixed(0)).join('/')} ms`
}
