import { LoadWorkers } from './crew.ts'
import { LoadError } from './fault.ts'
import { describeMachine, type MachineInfo, machineTime } from './measure/machine.ts'
import {
  type BenchReport,
  REPORT_FORMAT,
  REPORT_VERSION,
  type Round,
  type Scenario,
  type ServerReport,
  type Warning,
} from './report/report.ts'
import { MOST_BUSY, playRound, type RoundStep } from './round.ts'
import { type Contestant, localAddressFor, type RunningServer } from './servers.ts'

export interface BenchPlan {
  readonly program: string
  readonly scenario: Scenario
  /** One, or two that take turns. */
  readonly contestants: readonly Contestant[]
  readonly rounds: number
  /** The transport of the generator's own sockets. */
  readonly udp: 'auto' | 'dgram'
  /** The address that peers have; default: the one that clients have. */
  readonly peerIp?: string | undefined
  readonly tell: (server: string, round: number, step: RoundStep) => void
  /** Ends everything early. */
  readonly signal: AbortSignal
}

/** Allocations that one generator process has descriptors for, two sockets each. */
const PER_GENERATOR = 4000
/** Milliseconds before a request is sent again: on this machine, and elsewhere. */
const RTO = { here: 200, elsewhere: 500 }
/** The share of lost packets, or of processor time taken by other machines, that is worth a word. */
const WORTH_TELLING = 0.02
/** Below this, a burst of video to one socket may not fit. */
const SMALL_BUFFER = 1 << 20

/**
 * Runs the rounds, A B A B where there are two, each with servers and
 * generators of its own. Throws a `LoadError`; nothing is left running either way.
 */
export async function runBench(options: BenchPlan): Promise<BenchReport> {
  const { contestants, rounds, scenario } = options
  const machine = describeMachine()
  const before = machineTime()
  const results = contestants.map((): Round[] => [])
  let generator: BenchReport['generator'] | undefined
  for (let round = 0; round < rounds; round++) {
    for (const [i, contestant] of contestants.entries()) {
      const played = await play(contestant, round, options)
      generator ??= played.generator
      results[i]!.push(played.round)
    }
  }
  const servers = contestants.map(({ name, detail }, i) => ({ name, detail, rounds: results[i]! }))
  const after = machineTime()
  const stolen =
    before && after ? (after.stolen - before.stolen) / Math.max(1, after.total - before.total) : 0
  return {
    format: REPORT_FORMAT,
    version: REPORT_VERSION,
    program: options.program,
    when: new Date().toISOString(),
    machine,
    scenario,
    generator: generator!,
    servers,
    warnings: [
      ...(contestants.some(one => one.isOurs) ? warnOfSharing(machine, scenario) : []),
      ...warnOfMachine(machine, stolen),
      ...warnOfGenerator(generator!),
      ...servers.flatMap(warnOfServer),
    ],
  }
}

async function play(
  contestant: Contestant,
  round: number,
  { scenario, udp, peerIp, tell, signal }: BenchPlan,
): Promise<{ round: Round; generator: BenchReport['generator'] }> {
  const told = (step: RoundStep) => tell(contestant.name, round, step)
  const interrupted = new Promise<never>((_, reject) => {
    const stop = () => reject(new LoadError({ kind: 'interrupted' }))
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
  interrupted.catch(() => {})
  let crew: LoadWorkers | undefined
  let server: RunningServer | undefined
  let isStarting: Promise<RunningServer> | undefined
  try {
    told({ kind: 'start' })
    isStarting = contestant.start()
    server = await Promise.race([isStarting, interrupted])
    crew = new LoadWorkers(scenario.generators)
    const clientIp = await localAddressFor(server.target.address)
    const ready = await crew.prepare({
      target: server.target,
      credentials: server.credentials,
      clientIp,
      peerIp: peerIp ?? clientIp,
      method: scenario.method,
      udp,
      offload: scenario.offload,
      rto: contestant.isOurs ? RTO.here : RTO.elsewhere,
    })
    const { isOurs } = contestant
    const ceiling = PER_GENERATOR * scenario.generators
    const stage = { crew, server, isOurs, scenario, ceiling, tell: told }
    const played = await Promise.race([playRound(stage), server.ended, interrupted])
    if (played.full.received === 0) throw new LoadError({ kind: 'nothing-relayed' })
    // A server of somebody's keeps allocations until they lapse, unless they are given back.
    if (!contestant.isOurs) await Promise.race([crew.close(0), interrupted])
    const { fellBack, receiveBuffer } = ready
    return { round: played, generator: { udp: ready.udp, receiveBuffer, fellBack: fellBack ?? null } }
  } catch (error) {
    if (crew && !contestant.isOurs) await giveBack(crew)
    throw error
  } finally {
    crew?.stop()
    server ??= await isStarting?.catch(() => undefined)
    await server?.stop()
  }
}

/** Ends what allocations there are, for a few seconds at most: somebody is waiting for an error message. */
async function giveBack(crew: LoadWorkers): Promise<void> {
  const patience = new Promise(resolve => setTimeout(resolve, 3000))
  await Promise.race([crew.close(0).catch(() => {}), patience])
}

function warnOfSharing({ cores }: MachineInfo, { generators }: Scenario): Warning[] {
  return cores <= generators ? [{ kind: 'few-cores', cores }] : []
}

function warnOfMachine(
  { cores, load, governor, receiveBufferLimit }: MachineInfo,
  stolen: number,
): Warning[] {
  const warnings: Warning[] = []
  if (load > cores / 2) warnings.push({ kind: 'machine-busy', load, cores })
  if (governor !== null && governor !== 'performance') warnings.push({ kind: 'governor', governor })
  if (stolen > WORTH_TELLING) warnings.push({ kind: 'stolen', share: stolen })
  if (receiveBufferLimit !== null && receiveBufferLimit < SMALL_BUFFER) {
    warnings.push({ kind: 'small-buffers', octets: receiveBufferLimit })
  }
  return warnings
}

function warnOfGenerator({ fellBack }: BenchReport['generator']): Warning[] {
  return fellBack === null ? [] : [{ kind: 'dgram-generator', why: fellBack }]
}

function warnOfServer({ name, rounds }: ServerReport): Warning[] {
  const warnings: Warning[] = []
  const runs = rounds.flatMap(({ full, half }) => (half ? [full, half] : [full]))
  const sum = (pick: (run: Round['full']) => number) => runs.reduce((total, run) => total + pick(run), 0)
  const busy = Math.max(...runs.map(run => run.generatorBusy))
  const isLimited = rounds.some(({ search }) => search?.limitedBy === 'generator')
  const skipped = sum(run => run.skipped)
  const isLate = skipped > (skipped + sum(run => run.sent)) * WORTH_TELLING
  if (busy > MOST_BUSY || isLimited || isLate) warnings.push({ kind: 'generator-busy', server: name, busy })
  const lost = sum(run => run.lost)
  const ownDrops = sum(run => run.ownDrops)
  if (ownDrops > lost * WORTH_TELLING) {
    warnings.push({ kind: 'own-drops', server: name, share: Math.min(1, ownDrops / Math.max(1, lost)) })
  }
  const held = sum(run => run.held)
  if (held > 0) warnings.push({ kind: 'held', server: name, share: held / (held + sum(run => run.sent)) })
  const corrupt = sum(run => run.corrupt)
  const misdelivered = sum(run => run.misdelivered)
  if (corrupt + misdelivered > 0) warnings.push({ kind: 'errors', server: name, corrupt, misdelivered })
  return warnings
}
