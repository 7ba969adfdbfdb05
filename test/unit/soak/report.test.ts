import t from 'tap'
import { judge, type Sample, type Soak, table } from '../../../bench/soak/report.ts'

const MB = 1 << 20
const quiet: Sample = {
  at: 0,
  rss: 100 * MB,
  heap: 20 * MB,
  external: 3 * MB,
  descriptors: 40,
  sockets: 15,
  allocations: 0,
  binding: 1,
  lag: 10,
}

/** An hour in which memory grows by `growth` MB and garbage comes and goes. */
function hour(growth: number, changes: Partial<Soak> = {}): Soak {
  const samples = Array.from({ length: 3600 }, (_, i) => ({
    ...quiet,
    at: i * 1000,
    rss: (100 + (growth * i) / 3600 + (i % 40) / 4 + ((i * 7919) % 13) / 20) * MB,
  }))
  return {
    minutes: 60,
    workers: 2,
    samples,
    start: quiet,
    end: quiet,
    calls: { opened: 100, failed: 0, lost: 0, vanished: 3 },
    packets: { sent: 100_000, arrived: 100_000, bytes: 1e8 },
    strangers: { datagrams: 1000, floods: 3, refused: 50, admitted: 0 },
    reloads: { asked: 59, done: 59 },
    scrapes: { asked: 3600, failed: 0 },
    cpuShare: 0.1,
    logLines: 10,
    left: { allocations: 0 },
    faults: 0,
    exit: 0,
    ...changes,
  }
}

const wrong = (soak: Soak) =>
  judge(soak)
    .filter(({ holds }) => !holds)
    .map(({ what }) => what)

t.test('an hour in which nothing grows is well, whatever the garbage does [SEC-40, OPS-12]', t => {
  t.strictSame(wrong(hour(0)), [])
  t.strictSame(wrong(hour(-5)), [])
  t.end()
})

t.test('a leak of a few megabytes an hour shows [SEC-40, OPS-12]', t => {
  t.strictSame(wrong(hour(4)), ['memory (RSS)'])
  t.end()
})

t.test('a heap that settles for long, or swings slowly, is not a leak [SEC-40, OPS-12]', t => {
  const hourWith = (more: (minute: number) => number) => {
    const soak = hour(0)
    return hour(0, {
      samples: soak.samples.map(one => ({ ...one, rss: one.rss + more(one.at / 60_000) * MB })),
    })
  }
  t.strictSame(wrong(hourWith(minute => Math.min(minute, 40) / 4)), [])
  // Down at once, and up again within twelve minutes.
  const swing = (minute: number) => (minute < 38 ? 8 : Math.min(8, Math.max(0, minute - 42)))
  t.strictSame(wrong(hourWith(swing)), [])
  t.end()
})

t.test('whatever else is not as it was shows as well [SEC-54, OPS-12]', t => {
  t.strictSame(wrong(hour(0, { end: { ...quiet, descriptors: 41 } })), ['descriptors at the end'])
  t.strictSame(wrong(hour(0, { left: { allocations: 1 } })), ['allocations at the end'])
  t.strictSame(wrong(hour(0, { packets: { sent: 1000, arrived: 990, bytes: 1 } })), ['packets lost'])
  t.strictSame(wrong(hour(0, { packets: { sent: 0, arrived: 0, bytes: 0 } })), ['packets lost'])
  t.strictSame(wrong(hour(0, { exit: 'SIGKILL' })), ['ends on SIGTERM with'])
  t.strictSame(wrong(hour(0, { faults: 1 })), ['faults caught'])
  t.strictSame(wrong(hour(0, { faults: Number.NaN })), ['faults caught'])
  t.strictSame(wrong(hour(0, { reloads: { asked: 2, done: 1 } })), ['reloads'])
  t.strictSame(wrong(hour(0, { strangers: { datagrams: 1, floods: 1, refused: 1, admitted: 1 } })), [
    'strangers who got in',
  ])
  t.end()
})

t.test('a short soak does not judge slopes', t => {
  t.strictSame(wrong(hour(400, { minutes: 1 })), [])
  t.end()
})

t.test('the table has a line for each figure', t => {
  const soak = hour(0)
  const lines = judge(soak)
  t.equal(table(soak, lines).split('\n').length, 5 + lines.length)
  t.end()
})
