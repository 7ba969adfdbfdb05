import type { Energy } from '../measure/energy.ts'
import type { MachineInfo } from '../measure/machine.ts'
import { median, middleOf, range } from '../measure/statistics.ts'
import type { Profile } from '../profile.ts'
import type { ClientTransport, Direction, RelayMethod } from '../protocol.ts'

/*
 * What `taciturn bench --json` prints, and `--compare` reads. Names and units
 * stay as they are; new ones may be added. What is not known is null.
 */

export const REPORT_FORMAT = 'taciturn-bench'
export const REPORT_VERSION = 1

/** What was asked for. */
export interface Scenario {
  readonly profile: Profile
  readonly transport: ClientTransport
  readonly method: RelayMethod
  readonly direction: Direction
  /** Allocations that carry traffic; where `search` looks for their number, the first that is tried. */
  readonly allocations: number
  /** Packets a second, of all streams; null for the profile's own pace, or for as fast as it goes. */
  readonly rate: number | null
  readonly search: boolean
  readonly seconds: number
  /** Of a flood: octets of payload, and packets that leave together. */
  readonly octets: number
  readonly burst: number
  /** Allocations that are opened to see what one costs. */
  readonly open: number
  readonly workers: number | 'auto'
  readonly generators: number
  readonly offload: boolean
}

export interface Measurement {
  readonly allocations: number
  /** Packets a second that were to be sent; null for as fast as it goes. */
  readonly offered: number | null
  readonly seconds: number
  readonly sent: number
  readonly received: number
  readonly lost: number
  /** Share of `sent`, 0 to 1. */
  readonly loss: number
  readonly packetsPerSecond: number
  /** Of payload, each octet counted once. */
  readonly megabitsPerSecond: number
  readonly reordered: number
  readonly duplicates: number
  readonly corrupt: number
  readonly misdelivered: number
  /** What the generator did not send in time, or could not hand over, or dropped on arrival. */
  readonly skipped: number
  readonly held: number
  readonly ownDrops: number
  readonly latencyMicros: {
    readonly p50: number
    readonly p90: number
    readonly p99: number
    readonly p999: number
    readonly max: number
  }
  /** Pairs of a share of the packets and the microseconds that it did not exceed. */
  readonly latencyCurve: readonly (readonly [share: number, micros: number])[]
  readonly serverCpuMicrosPerPacket: number | null
  /** Cores that the server kept busy. */
  readonly serverCores: number | null
  /** Of its core, how much the busiest generator process used. */
  readonly generatorBusy: number
  /** Of all cores of this machine. */
  readonly machineBusy: number | null
  readonly energy: Energy
  /** Of this machine while the load ran, per 10^9 octets of payload. */
  readonly joulesPerGigabyte: number | null
}

/** What opening allocations cost. */
export interface Opening {
  readonly allocations: number
  readonly perSecond: number
  /** Of the first ones that a server has ever seen: with a just-in-time compiler, what it compiles is in it. */
  readonly serverCpuMicrosEach: number | null
  /** Of as many after several times that many; null where the server is not ours to do that to. */
  readonly serverCpuMicrosEachWarm: number | null
  readonly octetsEach: number | null
  readonly generatorBusy: number
}

export interface Trial {
  /** Allocations, or packets a second of a flood. */
  readonly tried: number
  readonly passed: boolean
  readonly packetsPerSecond: number
  readonly loss: number
  /** The generator could not keep up, or lost the packets itself. */
  readonly generatorLimited: boolean
}

export interface RateSearch {
  readonly unit: 'allocations' | 'packets-per-second'
  readonly best: number
  /** Whether the measurement that followed saw it again. */
  readonly confirmed: boolean
  /** What kept it from more. */
  readonly limitedBy: 'server' | 'generator' | 'ceiling' | 'nothing-passed'
  readonly trials: readonly Trial[]
}

export interface Round {
  readonly opening: Opening
  readonly search: RateSearch | null
  /** The load asked for, or the most that the search found. */
  readonly full: Measurement
  /** Half of what the search found. */
  readonly half: Measurement | null
  /** Calls that one core of the server carries, going by its processor time alone: an estimate. */
  readonly callsPerCore: number | null
}

export interface ServerReport {
  readonly name: string
  readonly detail: string
  readonly rounds: readonly Round[]
}

export interface BenchReport {
  readonly format: typeof REPORT_FORMAT
  readonly version: typeof REPORT_VERSION
  readonly program: string
  /** ISO 8601. */
  readonly when: string
  readonly machine: MachineInfo
  readonly scenario: Scenario
  readonly generator: {
    readonly udp: 'native' | 'dgram'
    readonly receiveBuffer: number
    readonly fellBack: string | null
  }
  readonly servers: readonly ServerReport[]
  readonly warnings: readonly Warning[]
}

/** What makes the figures worth less. */
export type Warning =
  | { readonly kind: 'generator-busy'; readonly server: string; readonly busy: number }
  | { readonly kind: 'own-drops'; readonly server: string; readonly share: number }
  | { readonly kind: 'few-cores'; readonly cores: number }
  | { readonly kind: 'machine-busy'; readonly load: number; readonly cores: number }
  | { readonly kind: 'governor'; readonly governor: string }
  | { readonly kind: 'small-buffers'; readonly octets: number }
  | { readonly kind: 'dgram-generator'; readonly why: string }
  | {
      readonly kind: 'errors'
      readonly server: string
      readonly corrupt: number
      readonly misdelivered: number
    }
  | { readonly kind: 'stolen'; readonly share: number }
  | { readonly kind: 'held'; readonly server: string; readonly share: number }

/** A number that is told of every server, and which way is better. */
export interface Figure {
  readonly key: FigureKey
  readonly better: 'more' | 'less'
  readonly pick: (round: Round) => number | null
}

export const FIGURE_KEYS = [
  'calls',
  'callsPerCore',
  'packetsPerSecond',
  'megabitsPerSecond',
  'loss',
  'reordered',
  'errors',
  'serverCpu',
  'p50',
  'p90',
  'p99',
  'p999',
  'halfServerCpu',
  'halfP50',
  'halfP99',
  'halfP999',
  'joules',
  'opensPerSecond',
  'openCpuWarm',
  'openCpu',
  'openMemory',
] as const
export type FigureKey = (typeof FIGURE_KEYS)[number]

export const FIGURES: readonly Figure[] = [
  {
    key: 'calls',
    better: 'more',
    pick: ({ search }) => (search?.unit === 'allocations' ? search.best : null),
  },
  { key: 'callsPerCore', better: 'more', pick: round => round.callsPerCore },
  { key: 'packetsPerSecond', better: 'more', pick: ({ full }) => full.packetsPerSecond },
  { key: 'megabitsPerSecond', better: 'more', pick: ({ full }) => full.megabitsPerSecond },
  { key: 'loss', better: 'less', pick: ({ full }) => full.loss },
  { key: 'reordered', better: 'less', pick: ({ full }) => full.reordered },
  { key: 'errors', better: 'less', pick: ({ full }) => full.corrupt + full.misdelivered + full.duplicates },
  { key: 'serverCpu', better: 'less', pick: ({ full }) => full.serverCpuMicrosPerPacket },
  { key: 'p50', better: 'less', pick: ({ full }) => full.latencyMicros.p50 },
  { key: 'p90', better: 'less', pick: ({ full }) => full.latencyMicros.p90 },
  { key: 'p99', better: 'less', pick: ({ full }) => full.latencyMicros.p99 },
  { key: 'p999', better: 'less', pick: ({ full }) => full.latencyMicros.p999 },
  { key: 'halfServerCpu', better: 'less', pick: ({ half }) => half?.serverCpuMicrosPerPacket ?? null },
  { key: 'halfP50', better: 'less', pick: ({ half }) => half?.latencyMicros.p50 ?? null },
  { key: 'halfP99', better: 'less', pick: ({ half }) => half?.latencyMicros.p99 ?? null },
  { key: 'halfP999', better: 'less', pick: ({ half }) => half?.latencyMicros.p999 ?? null },
  { key: 'joules', better: 'less', pick: ({ full }) => full.joulesPerGigabyte },
  { key: 'opensPerSecond', better: 'more', pick: ({ opening }) => opening.perSecond },
  // Reports of earlier versions do not have it.
  { key: 'openCpuWarm', better: 'less', pick: ({ opening }) => opening.serverCpuMicrosEachWarm ?? null },
  { key: 'openCpu', better: 'less', pick: ({ opening }) => opening.serverCpuMicrosEach },
  { key: 'openMemory', better: 'less', pick: ({ opening }) => opening.octetsEach },
]

/** A figure over the rounds of a server. */
export interface Summary {
  readonly median: number
  readonly least: number
  readonly most: number
}

/** The median of a figure over the rounds that have it; `undefined` where none has. */
export function summarise({ pick }: Figure, rounds: readonly Round[]): Summary | undefined {
  const numbers = rounds.map(pick).filter(number => number !== null)
  const middle = median(numbers)
  const bounds = range(numbers)
  if (middle === undefined || !bounds) return undefined
  return { median: middle, least: bounds[0], most: bounds[1] }
}

/** The median of the first server as a multiple of the second's; `undefined` where one is not known, or nought. */
export function ratio(figure: Figure, first: ServerReport, second: ServerReport): number | undefined {
  const a = summarise(figure, first.rounds)
  const b = summarise(figure, second.rounds)
  return a && b && a.median > 0 && b.median > 0 ? a.median / b.median : undefined
}

/** The search of the round in the middle, with the median of all as its result. */
export function middleSearch({ rounds }: ServerReport): RateSearch | undefined {
  const searches = rounds.map(round => round.search).filter(search => search !== null)
  const middle = middleOf(searches, search => search.best)
  return middle && { ...middle, best: Math.round(median(searches.map(search => search.best))!) }
}

/** Takes what `--json` printed; `undefined` if it is something else, or of another version. */
export function readReport(text: string): BenchReport | undefined {
  try {
    const report = JSON.parse(text) as Partial<BenchReport>
    const isReport = report.format === REPORT_FORMAT && report.version === REPORT_VERSION
    return isReport && Array.isArray(report.servers) ? (report as BenchReport) : undefined
  } catch {
    return undefined
  }
}
