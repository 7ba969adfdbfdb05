import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { HistoryPoint } from '../../../src/control/view.ts'
import { type Counted, MOST_HOURS, MOST_MINUTES, PastTraffic } from '../../../src/operate/history.ts'
import { KeptHistory } from '../../../src/operate/kept-history.ts'

const HOUR = 3_600_000
const NOON = Date.UTC(2026, 10, 30, 12)

/** What has been counted at a moment by a relay that carries 100 bytes a second each way. */
function countedAt(at: number, allocations = 3): Counted {
  const flow = { packets: (at - NOON) / 1000, bytes: (at - NOON) / 10 }
  return { at, allocations, traffic: { toPeer: { ...flow }, toClient: { ...flow } }, dropped: 0, rejected: 0 }
}

function run(past: PastTraffic, from: number, seconds: number, allocations?: (at: number) => number): void {
  for (let i = 1; i <= seconds; i++) {
    const at = from + i * 1000
    past.tick(countedAt(at, allocations?.(at)))
  }
}

t.test('UW-12: an hour is the average of its minutes, and the most sessions of them', async t => {
  const told: HistoryPoint[] = []
  const past = new PastTraffic(countedAt(NOON), undefined, point => told.push(point))
  run(past, NOON, 3660, at => (at === NOON + 1_800_000 ? 9 : 3))
  t.same(told, [
    {
      at: NOON + HOUR,
      allocations: 9,
      bytesToPeer: 100,
      bytesToClient: 100,
      packets: 2,
      dropped: 0,
      rejected: 0,
    },
  ])
  t.same(past.hours(), { step: 3600, points: told })
})

t.test(
  'UW-12: a restart goes on with the minutes of the day, and closes the hour it broke off in',
  async t => {
    const first = new PastTraffic(countedAt(NOON))
    run(first, NOON, 1800)
    const before = { minutes: first.view().day.points, hours: [] }
    t.equal(before.minutes.length, 30)

    const same = new PastTraffic(countedAt(NOON + 2_000_000), before)
    t.equal(same.view().day.points.length, 30)
    t.equal(same.hours().points.length, 0, 'the hour is not over')

    const told: HistoryPoint[] = []
    const later = new PastTraffic(countedAt(NOON + 5 * HOUR), before, point => told.push(point))
    t.match(told, [{ at: NOON + HOUR, bytesToPeer: 100 }])
    t.equal(later.view().day.points.length, 30)

    const nextDay = new PastTraffic(countedAt(NOON + 30 * HOUR), { ...before, hours: told })
    t.equal(nextDay.view().day.points.length, 0, 'older than a day')
    t.equal(nextDay.hours().points.length, 1, 'and no hour is there twice')

    const past = new PastTraffic(countedAt(NOON - HOUR), before)
    t.equal(past.view().day.points.length, 0, 'a clock that was set back mixes no times')
  },
)

t.test('UW-12: what is kept is read again, for its owner alone, and is bounded', async t => {
  const state = join(t.testdir(), 'state')
  const complaints: string[] = []
  const log = { limited: (_: string, __: string, text: string) => void complaints.push(text) }
  const kept = new KeptHistory(state, log)
  t.same(kept.read(), { hours: [], minutes: [] })
  const point = (at: number): HistoryPoint => ({
    at,
    allocations: 1,
    bytesToPeer: 2.5,
    bytesToClient: 3,
    packets: 4,
    dropped: 5,
    rejected: 6,
  })
  kept.keepDay([point(1), point(2)])
  t.equal(statSync(join(state, 'history-day.json')).mode & 0o777, 0o600)
  t.same(kept.read().minutes, [point(1), point(2)])
  kept.addHour(point(3))
  const file = join(state, 'history.jsonl')
  while (!statSync(file, { throwIfNoEntry: false })?.size) await new Promise(setImmediate)
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.same(kept.read().hours, [point(3)])

  writeFileSync(file, `[1,2]\nno\n\n${`[9,1,1,1,1,1,1]\n`.repeat(MOST_HOURS + 2000)}`)
  writeFileSync(join(state, 'history-day.json'), JSON.stringify(Array(5000).fill([1, 1, 1, 1, 1, 1, 1])))
  t.equal(kept.read().hours.length, MOST_HOURS)
  t.equal(kept.read().minutes.length, MOST_MINUTES)
  t.equal(readFileSync(file, 'utf8').split('\n').length, MOST_HOURS + 1, 'the file is short again')
  writeFileSync(join(state, 'history-day.json'), '{')
  t.same(kept.read().minutes, [])
  t.same(complaints, [])
  kept.keepDay([])
  t.same(kept.read().minutes, [], 'nothing is written where there is nothing')
  new KeptHistory(file, log).keepDay([point(1)])
  t.equal(complaints.length, 1)
})
