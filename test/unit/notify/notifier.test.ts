import t from 'tap'
import type { Time } from '../../../src/base/time.ts'
import type { HealthFinding } from '../../../src/health/judge.ts'
import type { NotifyMessage } from '../../../src/notify/message.ts'
import { type KeptNews, Notifier, type NotifyPlan } from '../../../src/notify/notifier.ts'
import type { RunningText } from '../../../src/texts/running.ts'

const START = Date.UTC(2030, 4, 14)
const MINUTE = 60_000
const HOUR = 60 * MINUTE

const PORTS: HealthFinding = { id: 'ports', level: 'warn', values: { used: 90, limit: 100, share: 0.9 } }
const FULL: HealthFinding = { ...PORTS, level: 'bad', values: { used: 99, limit: 100, share: 0.99 } }
const SECRET: HealthFinding = { id: 'wrong-secret', level: 'bad', values: { n: 40, opened: 0 } }
const of = (name: string): HealthFinding => ({
  id: 'homeserver-sessions',
  level: 'warn',
  values: { name, used: 9, limit: 10, share: 0.9 },
})

/** A notifier under a clock that is moved by hand, with one recipient that keeps what it gets. */
function rig({ kept = {}, ...over }: Partial<NotifyPlan> & { readonly kept?: KeptNews } = {}) {
  const got: NotifyMessage[] = []
  const state = {
    now: START,
    holds: [] as HealthFinding[],
    why: undefined as RunningText | undefined,
    tries: 0,
  }
  let last: KeptNews = kept
  const plan: NotifyPlan = {
    relay: 'turn.example.org',
    language: 'en',
    level: 'warn',
    after: 2 * MINUTE,
    repeat: Number.POSITIVE_INFINITY,
    perHour: 100,
    ways: [
      {
        name: 'email',
        send: async message => {
          state.tries++
          if (state.why === undefined) got.push(message)
          return state.why
        },
      },
    ],
    ...over,
  }
  const notifier = new Notifier(plan, {
    judge: () => state.holds,
    now: () => state.now as Time,
    kept,
    keep: news => {
      last = news
    },
    tried: () => {},
  })
  /** Lets the time pass, with a look every ten seconds. */
  const pass = async (milliseconds: number) => {
    for (const end = state.now + milliseconds; state.now < end; ) {
      state.now += 10_000
      await notifier.tick()
    }
  }
  return { state, got, pass, plan, notifier, kept: () => last }
}

t.test('a condition is told once it has held for a while, and again when it is over', async t => {
  const { state, got, pass } = rig()
  state.holds = [PORTS]
  await pass(MINUTE)
  t.same(got, [], 'not yet')
  await pass(2 * MINUTE)
  t.equal(got.length, 1)
  t.match(got[0], { level: 'warn', title: 'turn.example.org: 1 problem' })
  t.match(got[0]?.lines[0], /^Warning: 90.% of the relay ports/)
  t.match(got[0]?.findings, [{ id: 'ports', state: 'begun', level: 'warn', since: START + 10_000 }])
  state.holds = []
  await pass(10 * MINUTE)
  t.equal(got.length, 2)
  t.match(got[1], { level: 'good', title: 'turn.example.org: resolved' })
  t.match(got[1]?.lines[0], /^Resolved after 2.min.50.s: /)
  t.match(got[1]?.findings, [{ state: 'over', since: START + 10_000, until: START + 3 * MINUTE }])
})

t.test('what comes and goes within the time is not told', async t => {
  const { state, got, pass } = rig()
  for (let i = 0; i < 20; i++) {
    state.holds = [PORTS]
    await pass(MINUTE)
    state.holds = []
    await pass(3 * MINUTE)
  }
  t.same(got, [])
})

t.test('a condition that flickers while it holds is one condition', async t => {
  const { state, got, pass } = rig()
  for (let i = 0; i < 20; i++) {
    state.holds = i % 2 === 0 ? [PORTS] : []
    await pass(i === 0 ? 3 * MINUTE : MINUTE)
  }
  t.equal(got.length, 1)
})

t.test('what becomes worse is told again, and what becomes better is not', async t => {
  const { state, got, pass } = rig()
  state.holds = [PORTS]
  await pass(3 * MINUTE)
  state.holds = [FULL]
  await pass(MINUTE)
  state.holds = [PORTS]
  await pass(10 * MINUTE)
  t.same(
    got.map(({ level }) => level),
    ['warn', 'bad'],
  )
})

t.test('several conditions at once are one message, the worst first', async t => {
  const { state, got, pass } = rig()
  state.holds = [PORTS, of('one.example'), of('two.example'), SECRET]
  await pass(3 * MINUTE)
  t.equal(got.length, 1)
  t.equal(got[0]?.title, 'turn.example.org: 4 problems')
  t.same(
    got[0]?.findings.map(({ id }) => id),
    ['wrong-secret', 'ports', 'homeserver-sessions', 'homeserver-sessions'],
  )
})

t.test('with the level "bad", warnings are not told, nor their end', async t => {
  const { state, got, pass } = rig({ level: 'bad' })
  state.holds = [PORTS, SECRET]
  await pass(3 * MINUTE)
  state.holds = []
  await pass(3 * MINUTE)
  t.same(
    got.map(({ findings }) => findings.map(({ id, state }) => `${id} ${state}`)),
    [['wrong-secret begun'], ['wrong-secret over']],
  )
})

t.test('nobody is told of what the configuration says', async t => {
  const { state, got, pass } = rig()
  state.holds = [
    { id: 'no-tls', level: 'warn' },
    { id: 'only-private', level: 'warn' },
  ]
  await pass(HOUR)
  t.same(got, [])
})

t.test('what still holds is told again after "repeat", together with all else that holds', async t => {
  const { state, got, pass } = rig({ repeat: 6 * HOUR })
  state.holds = [PORTS]
  await pass(HOUR)
  state.holds = [PORTS, SECRET]
  await pass(4 * HOUR)
  t.equal(got.length, 2)
  await pass(2 * HOUR)
  t.equal(got.length, 3)
  t.same(
    got[2]?.findings.map(({ id, state }) => `${id} ${state}`),
    ['wrong-secret still', 'ports still'],
  )
  t.match(got[2]?.lines[1], /^Still, after 6.h/)
})

t.test(
  'more than "perHour" messages are not sent, and what they would have told comes with the next',
  async t => {
    const { state, got, pass } = rig({ perHour: 2 })
    for (const name of ['a.example', 'b.example', 'c.example', 'd.example']) {
      state.holds = [...state.holds, of(name)]
      await pass(5 * MINUTE)
    }
    t.equal(got.length, 2)
    await pass(HOUR)
    t.equal(got.length, 3)
    t.same(
      got[2]?.findings.map(({ values }) => values.name),
      ['c.example', 'd.example'],
    )
  },
)

t.test(
  'a message that cannot be sent is tried again, less and less often, as things are by then',
  async t => {
    const { state, got, pass } = rig()
    state.why = { key: 'exchange.nothingListens' }
    state.holds = [PORTS]
    await pass(3 * HOUR)
    t.ok(state.tries > 4 && state.tries < 12, `${state.tries} tries in three hours`)
    state.holds = [SECRET]
    await pass(10 * MINUTE)
    state.why = undefined
    await pass(HOUR)
    t.equal(got.length, 1)
    t.same(
      got[0]?.findings.map(({ id, state }) => `${id} ${state}`),
      ['wrong-secret begun', 'ports over'],
      'what began and ended meanwhile is told too',
    )
  },
)

t.test('a way that hangs is not asked a second time, and keeps no other waiting', async t => {
  let asked = 0
  const got: string[] = []
  const { state, notifier } = rig({
    after: 0,
    ways: [
      {
        name: 'hangs',
        send: () => {
          asked++
          return new Promise<never>(() => {})
        },
      },
      { name: 'works', send: async ({ title }) => void got.push(title) },
    ],
  })
  state.holds = [PORTS]
  for (let i = 0; i < 10; i++) {
    state.now += 10_000
    void notifier.tick()
    await new Promise(resolve => setImmediate(resolve))
  }
  t.equal(asked, 1)
  t.equal(got.length, 1)
})

t.test('a restart neither repeats what was told nor forgets to say that it is over', async t => {
  const before = rig()
  before.state.holds = [PORTS]
  await before.pass(3 * MINUTE)
  const after = rig({ kept: JSON.parse(JSON.stringify(before.kept())) as KeptNews })
  after.state.holds = [PORTS]
  await after.pass(HOUR)
  t.same(after.got, [], 'it is known')
  after.state.holds = []
  await after.pass(HOUR)
  t.match(after.got, [{ level: 'good' }])
  const fixed = rig({ kept: before.kept() })
  await fixed.pass(MINUTE)
  t.same(fixed.got, [], 'a relay that has just started has not looked for long enough')
  await fixed.pass(HOUR)
  t.match(fixed.got, [{ level: 'good', findings: [{ id: 'ports', state: 'over' }] }])
  t.same(fixed.kept(), { email: [] })
})

t.test('new settings take effect: another language, another recipient', async t => {
  const { state, got, pass, plan, notifier } = rig()
  const other: string[] = []
  notifier.configure({
    ...plan,
    language: 'de',
    ways: [...plan.ways, { name: 'ntfy 1', send: async ({ title }) => void other.push(title) }],
  })
  state.holds = [PORTS]
  await pass(3 * MINUTE)
  t.equal(got[0]?.title, 'turn.example.org: 1 Problem')
  t.match(got[0]?.lines[0], /^Warnung: 90.% der Relay-Ports/)
  t.equal(other.length, 1)
  notifier.configure({ ...plan, ways: [] })
  state.holds = []
  await pass(HOUR)
  t.equal(got.length, 1, 'who is taken out is told no more')
})

t.test('a test message goes by every way, and says what came of each', async t => {
  const { notifier, state, got } = rig()
  t.same(await notifier.test(), [{ way: 'email' }])
  t.match(got, [{ title: 'turn.example.org: test message', findings: [] }])
  state.why = { key: 'exchange.nothingListens' }
  t.same(await notifier.test(), [{ way: 'email', why: { key: 'exchange.nothingListens' } }])
})
