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

t.test(
  'A-05: somebody who may only look cannot end the sign-ins of others by signing in again and again',
  async t => {
    const tokens = new Tokens()
    const link = tokens.link('act', 3600).token
    const admin = tokens.signIn('oidc admin (1)', 'act', 3600).token
    const own = Array.from(
      { length: 200 },
      (_, i) => tokens.signIn(`oidc reader${i} (2)`, 'read', 3600, '2').token,
    )
    t.ok(tokens.find(link))
    t.ok(tokens.find(admin))
    t.equal(tokens.signIns().length, 10)
    t.ok(tokens.find(own.at(-1)!))
    t.equal(tokens.find(own[0]!), undefined, 'their own oldest one goes')
  },
)
