import type { LoadWorkers, Total } from './crew.ts'
import { startMeter } from './measure/energy.ts'
import { machineTime } from './measure/machine.ts'
import { cpuMicros, residentOctets } from './measure/process-figures.ts'
import { atRate, packetsPerSecond, sourcesOf } from './profile.ts'
import type { Measurement, Opening, RateSearch, Round, Scenario, Trial } from './report/report.ts'
import { Search } from './search.ts'
import type { RunningServer } from './servers.ts'

/** The share of packets that may be lost: fewer than a listener notices. */
export const MOST_LOSS = 0.001
/** The share of what was to be sent that a generator may be too late for. */
const MOST_SKIPPED = 0.02
/** The share of a core above which a generator process is what holds things up. */
export const MOST_BUSY = 0.85
/** Seconds of load before what is measured, so that code is compiled and queues are as they stay. */
const WARM_UP = 1
const TRIAL = { warmUp: 0.4, seconds: 2 }
const SEARCH_WITHIN = 0.05
/** Packets a second that a flood's search begins with, and the most it tries. */
const FLOOD = { start: 20_000, most: 8_000_000 }
/** Packets of a flood that may be under way; enough to keep a relay busy, and no queue overflows. */
const WINDOW = 128
/** Tries to see the result of a search again, each this much lower than the one before. */
const CONFIRMATIONS = 5
const STEP_DOWN = 0.93
/** Milliseconds after the last allocation until memory is looked at. */
const CALM = 500
/** Allocations that are opened and given back before it counts what one costs a server that has run for a while. */
const WARMING = 10_000
/** The most times that they are opened for that: what a handful costs cannot be told from chance, however warm. */
const WARMING_TIMES = 200

/** What the benchmark is doing, for the progress line. */
export type RoundStep =
  | { readonly kind: 'start' }
  | { readonly kind: 'open'; readonly open: number; readonly total: number }
  | { readonly kind: 'measure' }
  | { readonly kind: 'search'; readonly tried: number; readonly unit: RateSearch['unit'] }
  | { readonly kind: 'half' }

export interface Stage {
  readonly crew: LoadWorkers
  readonly server: RunningServer
  /** Started for this round, and nobody else's to be loaded. */
  readonly isOurs: boolean
  readonly scenario: Scenario
  /** The most allocations that the generators have sockets for. */
  readonly ceiling: number
  readonly tell: (step: RoundStep) => void
}

/** Plays one round: opens allocations, searches if asked to, measures. */
export async function playRound(stage: Stage): Promise<Round> {
  const { scenario } = stage
  const opening = await open(stage)
  if (!scenario.search) {
    stage.tell({ kind: 'measure' })
    const full = await measure(stage, scenario.allocations, scenario.rate, scenario.seconds)
    return { opening, search: null, full, half: null, callsPerCore: callsPerCore(stage, full) }
  }
  const found = await search(stage)
  const { full, best, confirmed } = await confirm(stage, found)
  stage.tell({ kind: 'half' })
  const half = await measure(stage, ...loadOf(stage, Math.max(1, Math.floor(best / 2))), scenario.seconds)
  return {
    opening,
    search: { ...found, best, confirmed },
    full,
    half,
    callsPerCore: callsPerCore(stage, full),
  }
}

/** Allocations below which the memory of a process goes up and down by more than they take. */
const ENOUGH_TO_WEIGH = 1000

/** Octets of memory that an allocation took; null where that is unknown, or cannot be told from chance. */
export function octetsEach(
  before: number | undefined,
  after: number | undefined,
  allocations: number,
): number | null {
  if (before === undefined || after === undefined || allocations < ENOUGH_TO_WEIGH) return null
  return after > before ? (after - before) / allocations : null
}

async function open(stage: Stage): Promise<Opening> {
  const { crew, server, isOurs, scenario, tell } = stage
  const total = Math.max(scenario.open, scenario.search ? 1 : scenario.allocations)
  const memory = residentOf(server)
  const cpu = cpuOf(server)
  tell({ kind: 'open', open: 0, total })
  const { seconds, busiest } = await crew.open(total, open => tell({ kind: 'open', open, total }))
  const cpuAfter = cpuOf(server)
  await new Promise(resolve => setTimeout(resolve, CALM))
  const memoryAfter = residentOf(server)
  const warm = isOurs && cpu !== undefined ? await openWarm(stage, total) : null
  return {
    allocations: total,
    perSecond: total / seconds,
    serverCpuMicrosEach: cpu === undefined || cpuAfter === undefined ? null : (cpuAfter - cpu) / total,
    serverCpuMicrosEachWarm: warm,
    octetsEach: octetsEach(memory, memoryAfter, total),
    generatorBusy: busiest,
  }
}

/** Opens as many again and again. Leaves them open the last time; that time counts. */
async function openWarm({ crew, server }: Stage, total: number): Promise<number> {
  const enough = Math.min(WARMING, total * WARMING_TIMES)
  for (let opened = total; ; opened += total) {
    await crew.close(0)
    const cpu = cpuOf(server)!
    await crew.open(total, () => {})
    if (opened >= enough) return (cpuOf(server)! - cpu) / total
  }
}

/** Whether the search counts packets, as of a flood, or allocations, each with the profile's own pace. */
function unitOf({ profile }: Scenario): RateSearch['unit'] {
  return profile === 'flood' ? 'packets-per-second' : 'allocations'
}

/** The allocations and the rate that a number of the search stands for. */
function loadOf({ scenario }: Stage, tried: number): [allocations: number, rate: number | null] {
  return unitOf(scenario) === 'allocations' ? [tried, null] : [scenario.allocations, tried]
}

async function search(stage: Stage): Promise<RateSearch> {
  const { crew, scenario, ceiling, tell } = stage
  const unit = unitOf(scenario)
  const limits = unit === 'allocations' ? { start: scenario.allocations, most: ceiling } : FLOOD
  const searching = new Search({ ...limits, within: SEARCH_WITHIN })
  const trials: Trial[] = []
  let opened = Math.max(scenario.open, 1)
  if (unit === 'packets-per-second' && opened < scenario.allocations) {
    await crew.open((opened = scenario.allocations), () => {})
  }
  for (let n = searching.next(); n !== undefined; n = searching.next()) {
    tell({ kind: 'search', tried: n, unit })
    const [allocations, rate] = loadOf(stage, n)
    if (allocations > opened) await crew.open((opened = allocations), () => {})
    let trial = await tryOut(stage, n, allocations, rate)
    // A pause of the machine is not the relay's fault, so a failure has to be seen twice.
    if (!trial.passed) trial = await tryOut(stage, n, allocations, rate)
    trials.push(trial)
    searching.tell(n, trial.passed)
  }
  const failed = trials.filter(trial => !trial.passed)
  const limitedBy =
    searching.best === 0
      ? 'nothing-passed'
      : failed.length === 0
        ? 'ceiling'
        : failed.some(trial => trial.generatorLimited)
          ? 'generator'
          : 'server'
  return { unit, best: searching.best, confirmed: false, limitedBy, trials }
}

async function tryOut(stage: Stage, tried: number, allocations: number, rate: number | null): Promise<Trial> {
  const load = loadFor(stage.scenario, allocations, rate)
  await run(stage, { ...load, seconds: TRIAL.warmUp }, false)
  const total = await run(stage, { ...load, seconds: TRIAL.seconds }, true)
  const lost = total.sent - total.received
  const skipped = skippedShare(total)
  return {
    tried,
    passed: isClean(total) && skipped < MOST_SKIPPED,
    packetsPerSecond: total.received / total.seconds,
    loss: lost / Math.max(1, total.sent),
    generatorLimited: skipped >= MOST_SKIPPED || total.busiest > MOST_BUSY || total.ownDrops > lost / 2,
  }
}

/** Measures what the search found; what cannot be seen again was luck, and a little less is tried. */
async function confirm(
  stage: Stage,
  found: RateSearch,
): Promise<{ full: Measurement; best: number; confirmed: boolean }> {
  let best = Math.max(1, found.best)
  for (let i = 1; ; i++) {
    stage.tell({ kind: 'measure' })
    const full = await measure(stage, ...loadOf(stage, best), stage.scenario.seconds)
    const confirmed = isClean(full) && skippedShare(full) < MOST_SKIPPED
    if (confirmed || i === CONFIRMATIONS || best === 1) {
      return { full, best: found.best === 0 && !confirmed ? 0 : best, confirmed }
    }
    best = Math.max(1, Math.floor(best * STEP_DOWN))
  }
}

async function measure(
  stage: Stage,
  allocations: number,
  rate: number | null,
  seconds: number,
): Promise<Measurement> {
  const { server, scenario } = stage
  const load = loadFor(scenario, allocations, rate)
  await run(stage, { ...load, seconds: Math.min(WARM_UP, seconds / 2) }, false)
  const meter = await startMeter()
  const machine = machineTime()
  const cpu = cpuOf(server)
  const total = await run(stage, { ...load, seconds }, true)
  const cpuAfter = cpuOf(server)
  const machineAfter = machineTime()
  const isHere = server.pid !== undefined
  const energy = await meter.stop()
  const used = cpu === undefined || cpuAfter === undefined ? null : cpuAfter - cpu
  const streams = allocations * (scenario.direction === 'both' ? 2 : 1)
  const paced = packetsPerSecond(load.sources) * streams
  const lost = total.sent - total.received
  const gigabytes = total.octets / 1e9
  return {
    allocations,
    offered: paced > 0 ? paced : null,
    seconds: total.seconds,
    sent: total.sent,
    received: total.received,
    lost,
    loss: lost / Math.max(1, total.sent),
    packetsPerSecond: total.received / total.seconds,
    megabitsPerSecond: (total.octets * 8) / total.seconds / 1e6,
    reordered: total.reordered,
    duplicates: total.duplicates,
    corrupt: total.corrupt,
    misdelivered: total.misdelivered,
    skipped: total.skipped,
    held: total.held,
    ownDrops: total.ownDrops,
    latencyMicros: {
      p50: total.latency.quantile(0.5),
      p90: total.latency.quantile(0.9),
      p99: total.latency.quantile(0.99),
      p999: total.latency.quantile(0.999),
      max: total.latency.max,
    },
    latencyCurve: CURVE.map(share => [share, total.latency.quantile(share)]),
    serverCpuMicrosPerPacket: used === null || total.received === 0 ? null : used / total.received,
    serverCores: used === null ? null : used / 1e6 / total.seconds,
    generatorBusy: total.busiest,
    machineBusy:
      machine && machineAfter && machineAfter.total > machine.total
        ? (machineAfter.busy - machine.busy) / (machineAfter.total - machine.total)
        : null,
    energy: isHere ? energy : { kind: 'unknown', why: 'no-meter' },
    joulesPerGigabyte:
      isHere && energy.kind === 'measured' && gigabytes > 0 ? energy.joules / gigabytes : null,
  }
}

/** Where a curve of latency has its points. */
const CURVE = [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999, 1]

function loadFor(scenario: Scenario, allocations: number, rate: number | null) {
  const { profile, direction, octets, burst } = scenario
  const sources = sourcesOf(profile, { octets, burst })
  const streams = allocations * (direction === 'both' ? 2 : 1)
  return {
    allocations,
    direction,
    sources: rate === null ? sources : atRate(sources, streams, rate),
    window: Math.max(WINDOW, burst * 4),
  }
}

function run(
  { crew, server }: Stage,
  load: Parameters<LoadWorkers['run']>[0],
  settle: boolean,
): Promise<Total> {
  return Promise.race([crew.run(load, settle), server.ended])
}

function isClean(total: Pick<Total, 'sent' | 'received' | 'held' | 'corrupt' | 'misdelivered'>): boolean {
  if (total.sent === 0 || total.corrupt + total.misdelivered > 0) return false
  const lost = total.sent - total.received + total.held
  return lost / total.sent < MOST_LOSS
}

/** Of the packets that were to be sent, the share that the generator was too late for. */
function skippedShare({ sent, skipped }: Pick<Total, 'sent' | 'skipped'>): number {
  return skipped / Math.max(1, sent + skipped)
}

/** Goes by processor time alone, so it tells of the server even where the generator could do no more. */
function callsPerCore({ scenario }: Stage, { serverCpuMicrosPerPacket }: Measurement): number | null {
  if (scenario.profile !== 'call' || serverCpuMicrosPerPacket === null) return null
  const streams = scenario.direction === 'both' ? 2 : 1
  const perCall = packetsPerSecond(sourcesOf('call', scenario)) * streams
  return 1e6 / serverCpuMicrosPerPacket / perCall
}

function cpuOf({ pid }: RunningServer): number | undefined {
  return pid === undefined ? undefined : cpuMicros(pid)
}

function residentOf({ pid }: RunningServer): number | undefined {
  return pid === undefined ? undefined : residentOctets(pid)
}
