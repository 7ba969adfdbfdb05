import t from 'tap'
import { WrongTokens } from '../../../src/control/wrong-tokens.ts'

t.test('S-09: sixty addresses of one /64, or of one /56, are one customer who guesses', async t => {
  const wrong = new WrongTokens(10, () => 0)
  let tried = 0
  for (let i = 0; i < 600; i++) {
    const client = `2a00:5:0:1${(i % 60).toString(16).padStart(2, '0')}::${i}`
    if (!wrong.mayTry(client, `guess ${i}`)) continue
    tried++
    wrong.chargeWrong(client)
  }

  t.equal(tried, 10)
})

t.test('S-09: a guess beyond the limit is not tried, until a minute has passed', async t => {
  let now = 0
  const wrong = new WrongTokens(2, () => now)
  wrong.chargeWrong('192.0.2.1')
  t.ok(wrong.mayTry('192.0.2.1', 'right'))
  wrong.chargeWrong('192.0.2.1')

  t.notOk(wrong.mayTry('192.0.2.1', 'right'))
  t.notOk(wrong.mayTry('::ffff:192.0.2.1', 'right'))
  t.ok(wrong.mayTry('192.0.2.2', 'right'), 'others are counted apart')
  now = 60_000
  t.ok(wrong.mayTry('192.0.2.1', 'right'))
})

t.test('S-09: only a token that was right for that customer is looked up beyond the limit', async t => {
  let now = 0
  const wrong = new WrongTokens(1, () => now)
  wrong.right('192.0.2.1', 'good')
  wrong.chargeWrong('192.0.2.1')
  wrong.chargeWrong('192.0.2.2')

  t.ok(wrong.mayTry('192.0.2.1', 'good'))
  t.notOk(wrong.mayTry('192.0.2.1', 'other'))
  t.notOk(wrong.mayTry('192.0.2.2', 'good'))
  now = 86_400_000
  wrong.chargeWrong('192.0.2.1')
  t.notOk(wrong.mayTry('192.0.2.1', 'good'), 'for a day')
})

t.test('S-09: refusals fill no log, from however many customers they come', async t => {
  let now = 0
  const wrong = new WrongTokens(10, () => now)
  let lines = 0
  for (let i = 0; i < 171_000; i++) if (wrong.takeLine()) lines++
  t.equal(lines, 60)
  now = 60_000
  t.ok(wrong.takeLine())
})
