import t from 'tap'
import { Tokens } from '../../../src/control/tokens.ts'

t.test('S-16: a link is good as long as it says, whatever becomes of the wall clock', async t => {
  const clock = { now: 0, date: Date.UTC(2030, 0, 1) }
  const tokens = new Tokens(
    () => clock.now,
    () => clock.date,
  )
  const { token, expires } = tokens.link('act', 60)
  t.equal(expires, clock.date + 60_000)
  clock.date -= 86_400_000
  clock.now += 59_000
  t.ok(tokens.find(token))
  clock.now += 2000
  t.equal(tokens.find(token), undefined, 'a clock that is set back prolongs nothing')

  const { token: other } = tokens.link('read', 60)
  clock.date += 10 * 86_400_000
  t.ok(tokens.find(other), 'and one that is set forward ends nothing')
})
