import t from 'tap'
import { after, type Time } from '../../../src/base/time.ts'

const NOW = 1_800_000_000_000 as Time

t.test('seconds after a moment are thousands of milliseconds', async t => {
  t.equal(after(NOW, 600), NOW + 600_000)
  t.equal(after(NOW, 0), NOW)
})
