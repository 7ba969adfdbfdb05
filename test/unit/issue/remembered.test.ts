import t from 'tap'
import type { Time } from '../../../src/base/time.ts'
import { Remembered } from '../../../src/issue/remembered.ts'

const never = () => new Promise<never>(() => {})
const good = async () => ({ value: 'alice', keep: 0, good: true })

t.test('S-07: questions that wait for one server take no places from another', async t => {
  const remembered = new Remembered<string>(() => 0 as Time)
  for (let i = 0; i < 64; i++) void remembered.ask('slow.example.org', `token ${i}`, never)

  t.same(await remembered.ask('slow.example.org', 'one more', good), { ok: false, error: 'busy' })
  t.same(await remembered.ask('good.example.org', 'token', good), { ok: true, value: 'alice' })
})

t.test('S-07: servers below one listed domain share their places, so nobody multiplies them', async t => {
  const remembered = new Remembered<string>(() => 0 as Time)
  for (let i = 0; i < 64; i++) void remembered.ask(`s${i}.evil.example`, 'token', never, '*.evil.example')

  t.same(await remembered.ask('s65.evil.example', 'token', good, '*.evil.example'), {
    ok: false,
    error: 'busy',
  })
  t.same(await remembered.ask('example.org', 'token', good), { ok: true, value: 'alice' })
})

t.test('a place is free again after an answer, and after none could be had', async t => {
  const remembered = new Remembered<string>(() => 0 as Time)
  for (let i = 0; i < 200; i++) {
    if (i % 2 === 0) t.same(await remembered.ask('a', `${i}`, good), { ok: true, value: 'alice' })
    else await t.rejects(remembered.ask('a', `${i}`, () => Promise.reject(new Error('no'))))
  }
})
