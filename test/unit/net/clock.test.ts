import t from 'tap'
import type { Time } from '../../../src/base/time.ts'
import { alignedClock, monotonicClock, readClock } from '../../../src/system/clock.ts'

t.test('the clock tells epoch milliseconds and never goes back', async t => {
  let last = monotonicClock.now()
  t.ok(Math.abs(last - Date.now()) < 60_000)
  for (let i = 0; i < 1000; i++) {
    const now = monotonicClock.now()
    if (now < last) t.fail('went back')
    last = now
  }
})

t.test('a wall clock that is set while the server runs changes nothing', async t => {
  const { now } = Date
  t.teardown(() => {
    Date.now = now
  })
  const before = monotonicClock.now()
  Date.now = () => now() + 86_400_000

  t.ok(monotonicClock.now() - before < 60_000)
})

t.test(
  'the clock of a thread that started when the wall clock was wrong agrees with the one it goes by',
  async t => {
    const reading = readClock()
    const clock = alignedClock({ ...reading, time: (reading.time - 3_600_000) as Time })

    const apart = monotonicClock.now() - clock.now()
    t.ok(Math.abs(apart - 3_600_000) < 50, `${apart} ms`)
    t.ok(Math.abs(alignedClock(reading).now() - monotonicClock.now()) < 50)
  },
)
