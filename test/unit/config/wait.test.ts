import t from 'tap'
import { formatWait, parseWait } from '../../../src/config/values/wait.ts'

t.test('a wait is read in milliseconds or microseconds, and written in milliseconds', async t => {
  for (const [text, wait, written] of [
    ['0.5 ms', 500, '0.5 ms'],
    ['0.25ms', 250, '0.25 ms'],
    ['200 us', 200, '0.2 ms'],
    ['1000µs', 1000, '1 ms'],
    ['0', 0, '0'],
  ] as const) {
    t.match(parseWait(text), { ok: true, value: wait })
    t.equal(formatWait(wait), written)
  }
})

t.test('a wait that would be heard, or has no unit, is refused', async t => {
  for (const [text, key] of [
    ['10ms', 'wait-long'],
    ['0.5', 'wait'],
    ['1s', 'wait'],
    ['', 'wait'],
    ['-1 ms', 'wait'],
  ] as const) {
    t.match(parseWait(text), { ok: false, error: { key } }, text)
  }
})
