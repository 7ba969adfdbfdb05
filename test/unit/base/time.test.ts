import t from 'tap'
import { after, secondsUntil, type Time } from '../../../src/base/time.ts'

const NOW = 1_800_000_000_000 as Time

t.test('seconds after a moment are thousands of milliseconds', async t => {
  t.equal(after(NOW, 600), NOW + 600_000)
  t.equal(after(NOW, 0), NOW)
})

t.test('time left is rounded up, so that what still lives never has 0 seconds', async t => {
  t.equal(secondsUntil(after(NOW, 600), NOW), 600)
  t.equal(secondsUntil((NOW + 1) as Time, NOW), 1)
  t.equal(secondsUntil((NOW + 1001) as Time, NOW), 2)
})

t.test('time left is never negative', async t => {
  t.equal(secondsUntil(NOW, NOW), 0)
  t.equal(secondsUntil((NOW - 5000) as Time, NOW), 0)
})
