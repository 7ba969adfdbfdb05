import type {
  BenchReport,
  Measurement,
  Round,
  Scenario,
  ServerReport,
} from '../../../src/load/report/report.ts'

export const SCENARIO: Scenario = {
  profile: 'call',
  transport: 'udp',
  method: 'channels',
  direction: 'both',
  allocations: 20,
  rate: null,
  search: true,
  seconds: 5,
  octets: 172,
  burst: 1,
  open: 1000,
  workers: 'auto',
  generators: 1,
  offload: false,
}

export function measurement(over: Partial<Measurement> = {}): Measurement {
  return {
    allocations: 100,
    offered: 58_000,
    seconds: 5,
    sent: 290_000,
    received: 290_000,
    lost: 0,
    loss: 0,
    packetsPerSecond: 58_000,
    megabitsPerSecond: 474.5,
    reordered: 0,
    duplicates: 0,
    corrupt: 0,
    misdelivered: 0,
    skipped: 0,
    held: 0,
    ownDrops: 0,
    latencyMicros: { p50: 80, p90: 150, p99: 900, p999: 2500, max: 4000 },
    latencyCurve: [
      [0.5, 80],
      [0.99, 900],
      [1, 4000],
    ],
    serverCpuMicrosPerPacket: 4,
    serverCores: 0.23,
    generatorBusy: 0.5,
    machineBusy: 0.6,
    energy: { kind: 'unknown', why: 'no-meter' },
    joulesPerGigabyte: null,
    ...over,
  }
}

export function round(over: Partial<Round> = {}): Round {
  return {
    opening: {
      allocations: 1000,
      perSecond: 900,
      serverCpuMicrosEach: 200,
      serverCpuMicrosEachWarm: 150,
      octetsEach: 12_000,
      generatorBusy: 0.4,
    },
    search: {
      unit: 'allocations',
      best: 100,
      confirmed: true,
      limitedBy: 'server',
      trials: [
        { tried: 20, passed: true, packetsPerSecond: 11_600, loss: 0, generatorLimited: false },
        { tried: 160, passed: false, packetsPerSecond: 70_000, loss: 0.2, generatorLimited: false },
        { tried: 100, passed: true, packetsPerSecond: 58_000, loss: 0, generatorLimited: false },
      ],
    },
    full: measurement(),
    half: measurement({ allocations: 50, packetsPerSecond: 29_000 }),
    callsPerCore: 431,
    ...over,
  }
}

export function server(name: string, rounds: readonly Round[] = [round()], detail = '1.0'): ServerReport {
  return { name, detail, rounds }
}

export function report(over: Partial<BenchReport> = {}): BenchReport {
  return {
    format: 'taciturn-bench',
    version: 1,
    program: '0.1.0',
    when: '2026-05-17T12:30:00.000Z',
    machine: {
      model: 'Raspberry Pi 5 Model B Rev 1.0',
      processor: 'Cortex-A76',
      cores: 4,
      memoryOctets: 8 * 2 ** 30,
      architecture: 'arm64',
      kernel: '6.12.1',
      node: '22.1.0',
      governor: 'performance',
      receiveBufferLimit: 4 << 20,
      load: 0.1,
    },
    scenario: SCENARIO,
    generator: { udp: 'native', receiveBuffer: 8 << 20, fellBack: null },
    servers: [server('taciturn')],
    warnings: [],
    ...over,
  }
}
