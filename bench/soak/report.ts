import { floors, quantile, type Slope, slope, tail } from './slope.ts'

/** What was seen in one second. */
export interface Sample {
  /** Milliseconds since the soak began. */
  readonly at: number
  readonly rss: number
  readonly heap: number
  readonly external: number
  readonly descriptors: number
  readonly sockets: number
  readonly allocations: number
  /** Milliseconds that a Binding took, or `undefined` if it was not answered. */
  readonly binding: number | undefined
  /** Milliseconds that the event loop of the main thread was late, 99 of 100 times. */
  readonly lag: number
}

/** Everything a soak has counted. */
export interface Soak {
  readonly minutes: number
  readonly workers: number
  readonly samples: readonly Sample[]
  /** Before the first call, and after the last had left. */
  readonly start: Sample
  readonly end: Sample
  readonly calls: {
    readonly opened: number
    readonly failed: number
    readonly lost: number
    readonly vanished: number
  }
  readonly packets: { readonly sent: number; readonly arrived: number; readonly bytes: number }
  readonly strangers: {
    readonly datagrams: number
    readonly floods: number
    readonly refused: number
    readonly admitted: number
  }
  readonly reloads: { readonly asked: number; readonly done: number }
  readonly scrapes: { readonly asked: number; readonly failed: number }
  readonly cpuShare: number
  readonly logLines: number
  /** Of the relay's own metrics at the end. */
  readonly left: Readonly<Record<string, number>>
  readonly faults: number
  readonly exit: number | string
}

/** One line of the table: what, how much, and whether that is as it must be. */
export interface Line {
  readonly what: string
  readonly figure: string
  readonly must: string
  readonly holds: boolean
}

const MINUTE = 60_000
/**
 * Until when compiler and heaps are finding their size, at the least and at the
 * most. They settle for long, and then swing slowly: what settles grows only
 * in the longer of the two stretches behind these, what swings may grow in the
 * shorter one, and what leaks grows in both.
 */
const WARM_UPS = [20 * MINUTE, 40 * MINUTE] as const
/** Minutes that a soak needs for its slopes to be judged. */
const ENOUGH = 55
const MB = 1 << 20

/**
 * Judges a soak. Memory is judged by the floor of each minute over the last
 * 80 %, once without the first twenty minutes and once without the first forty:
 * what lies above the floor is garbage that has not been collected yet. A slope
 * counts as growth when in both it exceeds the threshold by more than twice its
 * own standard error, for the floor of a heap moves by megabytes of its own
 * accord. So an hour shows a leak of some megabytes an hour, and only a day one
 * of a single megabyte.
 */
export function judge(soak: Soak): Line[] {
  const { samples, start, end, calls, packets, strangers, reloads, scrapes, left } = soak
  const late = tail(samples, 0.8)
  const settled = WARM_UPS.map(warmUp => late.filter(({ at }) => at >= warmUp))
  const lost = packets.sent - packets.arrived
  const share = packets.sent === 0 ? 1 : lost / packets.sent
  const times = samples.flatMap(({ binding }) => (binding === undefined ? [] : [binding]))
  const lags = samples.map(({ lag }) => lag)
  const isLong = soak.minutes >= ENOUGH
  // In a short one a single pause of the machine weighs much.
  const mostLost = isLong ? 0.001 : 0.01
  const growth = (
    what: string,
    unit: string,
    most: number,
    of: (sample: Sample) => number,
    floor: boolean,
  ): Line => {
    const found = settled.map(stretch => {
      const points = stretch.map(sample => [sample.at, of(sample)] as const)
      return slope(floor ? floors(points, MINUTE) : points)
    })
    const holds = !isLong || found.some(one => one !== undefined && one.perHour - 2 * one.error < most)
    return {
      what,
      figure: found.map(one => asText(one, unit)).join(', '),
      must: isLong ? `< ${most} ${unit}/h` : 'too short to tell',
      holds,
    }
  }
  const nothing = (what: string, count: number): Line => ({
    what,
    figure: `${count}`,
    must: '0',
    holds: count === 0,
  })
  return [
    growth('memory (RSS)', 'MB', 1, ({ rss }) => rss / MB, true),
    info('memory with the warm-up', asText(slope(rssFloors(late)), 'MB')),
    growth('heap of the main thread', 'MB', 1, ({ heap }) => heap / MB, true),
    growth('memory outside the heap', 'MB', 1, ({ external }) => external / MB, true),
    growth('descriptors', '', 5, ({ descriptors }) => descriptors, true),
    {
      what: 'descriptors at the end',
      figure: `${end.descriptors} (${end.sockets} sockets)`,
      must: `<= ${start.descriptors} (${start.sockets})`,
      holds: end.descriptors <= start.descriptors && end.sockets <= start.sockets,
    },
    ...Object.entries(left).map(([name, count]) => nothing(`${name} at the end`, count)),
    {
      what: 'packets lost',
      figure: `${lost} of ${packets.sent} (${(share * 100).toFixed(4)} %)`,
      must: `< ${mostLost * 100} %`,
      holds: share < mostLost,
    },
    nothing('calls that did not open', calls.failed),
    nothing('strangers who got in', strangers.admitted),
    {
      what: 'reloads',
      figure: `${reloads.done} of ${reloads.asked}`,
      must: 'all',
      holds: reloads.done === reloads.asked,
    },
    nothing('metrics not answered', scrapes.failed),
    nothing('faults caught', soak.faults),
    {
      what: 'Bindings not answered',
      figure: `${samples.length - times.length} of ${samples.length}`,
      must: '< 1 %',
      holds: samples.length - times.length <= Math.max(1, samples.length / 100),
    },
    info(
      'a Binding takes',
      `${quantile(times, 0.5).toFixed(1)} ms, 99 of 100 ${quantile(times, 0.99).toFixed(1)} ms`,
    ),
    info(
      'event loop is late',
      `${quantile(lags, 0.5).toFixed(1)} ms, 99 of 100 ${quantile(lags, 0.99).toFixed(1)} ms`,
    ),
    { what: 'ends on SIGTERM with', figure: `${soak.exit}`, must: '0', holds: soak.exit === 0 },
  ]
}

/** The table, as text. */
export function table(soak: Soak, lines: readonly Line[]): string {
  const { calls, packets, strangers, start, end } = soak
  const head = [
    `${soak.minutes.toFixed(1)} minutes, ${soak.workers} workers, ${(soak.cpuShare * 100).toFixed(0)} % of a core`,
    `${calls.opened} calls (${calls.vanished} left without a word), ${(packets.bytes / 1e6).toFixed(0)} MB relayed, ${packets.sent} packets`,
    `${strangers.datagrams} datagrams of strangers in ${strangers.floods} floods and between, ${strangers.refused} logins refused`,
    `RSS ${(start.rss / MB).toFixed(0)} MB before the first call, ${(end.rss / MB).toFixed(0)} MB after the last; ${soak.logLines} lines of log`,
  ]
  const widths = [0, 1].map(column =>
    Math.max(...lines.map(line => [line.what, line.figure][column]!.length)),
  )
  const rows = lines.map(
    ({ what, figure, must, holds }) =>
      `${holds ? 'ok  ' : 'NOT '} ${what.padEnd(widths[0]!)}  ${figure.padEnd(widths[1]!)}  ${must}`,
  )
  return [...head, '', ...rows].join('\n')
}

function rssFloors(samples: readonly Sample[]): [number, number][] {
  return floors(
    samples.map(({ at, rss }) => [at, rss / MB]),
    MINUTE,
  )
}

function info(what: string, figure: string): Line {
  return { what, figure, must: '', holds: true }
}

function asText(found: Slope | undefined, unit: string): string {
  if (!found) return 'unknown'
  return `${found.perHour.toFixed(2)} ± ${found.error.toFixed(2)} ${unit}/h`
}
