import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { address, parseIp } from '../../../src/base/address.ts'
import { ALICE, needWorkers, startTwoWorkers } from '../../support/two-workers.ts'

t.setTimeout(180_000)

const BUDGET = 1_000_000
/** Octets a second. */
const SLOW = 10_000

t.test(
  'a user with calls at two workers uses up one budget, is slowed down, and is free again after a reload',
  needWorkers(),
  async t => {
    const budgets = { perUser: { day: '1 MB' }, slowTo: '80 kbit/s' }
    const relay = await startTwoWorkers(t, { budgets })
    const [one, other] = await relay.pair(t, ALICE, ALICE)
    const sink = createSocket('udp4').bind(0, '127.0.0.1')
    t.teardown(() => sink.close())
    await once(sink, 'listening')
    const there = address(parseIp('127.0.0.1')!, sink.address().port)
    for (const { client } of [one, other]) await client.permit(there)
    const say = (count: number) => {
      for (let i = 0; i < count; i++)
        for (const { client } of [one, other]) client.send(there, '.'.repeat(1000))
    }
    const passed = async () => (await relay.relayed()).toPeer

    const usedUp = relay.logged(/^a budget is used up$/)
    let used = 0
    let at = 0
    // 400 kB a second in both together.
    const spent = usedUp.then(async line => {
      at = await passed()
      used = Number(line.used)
    })
    while (used === 0) {
      say(10)
      await pause(50)
    }
    await spent
    t.ok(used >= BUDGET && at >= BUDGET, `${used} were counted, ${at} had passed`)

    // Both workers have heard of it when something is dropped; the bucket is empty then.
    const dropped = async () => Number(await relay.metric('taciturn_drops_total{reason="rate"}'))
    while ((await dropped()) === 0) {
      say(10)
      await pause(20)
    }
    const [before, since] = [await passed(), performance.now()]
    for (let i = 0; i < 20; i++) {
      say(10)
      await pause(50)
    }
    const seconds = (performance.now() - since) / 1000
    const slow = (await passed()) - before
    t.ok(slow <= SLOW * (seconds + 1) * 1.05, `${slow} octets in ${seconds} seconds at both workers together`)

    relay.rewrite({ budgets: { ...budgets, perUser: { day: '1 GB' } } })
    const free = relay.logged(/^a budget is no longer used up$/)
    await relay.reload()
    await free
    const drops = await dropped()
    await pause(1100)
    const again = await passed()
    say(50)
    await until(t as Test, async () => (await passed()) - again >= 100_000)
    t.equal(await dropped(), drops)
  },
)

t.test('"end" ends the calls, and a new one is refused with 486', needWorkers(), async t => {
  const relay = await startTwoWorkers(t, { budgets: { total: { month: '1 MB', atEnd: 'end' } } })
  const [one] = await relay.pair(t)
  const sink = createSocket('udp4').bind(0, '127.0.0.1')
  t.teardown(() => sink.close())
  await once(sink, 'listening')
  const there = address(parseIp('127.0.0.1')!, sink.address().port)
  await one.client.permit(there)
  const usedUp = relay.logged(/^a budget is used up$/)
  for (let i = 0; i < 20; i++) {
    for (let k = 0; k < 55; k++) one.client.send(there, '.'.repeat(1000))
    await pause(10)
  }
  t.match(await usedUp, { of: 'everybody', span: 'month', atEnd: 'end' })
  await until(t as Test, async () => (await relay.metric('taciturn_allocations{transport="udp"}')) === '0')
  const newcomer = await relay.client(t, ALICE)
  t.match(await newcomer.allocate(), { kind: 'rejected', code: 486 })
})

/** Waits for a state; the time of the test is the bound. */
async function until(t: Test, done: () => Promise<boolean>): Promise<void> {
  while (!(await done())) await pause(20)
  t.pass()
}
