import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import type { Slowed } from '../../../src/core/buckets.ts'
import { slowedTo } from '../../../src/core/buckets.ts'
import type { Owner } from '../../../src/core/event.ts'
import type { BudgetPlan } from '../../../src/ledger/budgets/budget-plan.ts'
import type { BudgetState } from '../../../src/ledger/budgets/budget-states.ts'
import { BudgetSums } from '../../../src/ledger/budgets/budget-sums.ts'
import { Budgets, type BudgetsParts } from '../../../src/ledger/budgets/budgets.ts'
import { OwnLimits } from '../../../src/ledger/budgets/own-limits.ts'
import type { UsageAsked, UsageSum } from '../../../src/ledger/store/ledger-store.ts'
import { closed, opened, traffic } from './support.ts'

const START = Date.UTC(2026, 5, 15, 12) / 1000
const DAY = 86_400
const SLOW = 16_000
const ENOUGH = Number.POSITIVE_INFINITY
const EMPTY: BudgetPlan = { groups: [], homeservers: [], slowTo: SLOW }
const alice: Owner = { tenant: 'example.org', user: '@alice:example.org' }
const bob: Owner = { tenant: 'example.org', user: '@bob:example.org' }
const mallory: Owner = { tenant: 'evil.example', user: '@alice:example.org' }

const slowly = (day: number, month = ENOUGH) => ({ day, month, atEnd: 'slow' as const })

/** Budgets over live calls that carry what `use` says, counted when the ledger is asked to count. */
function rig(
  plan: BudgetPlan,
  ledger: Partial<BudgetsParts['ledger']> = {},
  isShared = false,
  own?: OwnLimits,
) {
  let now = START
  let pending: [Owner, number][] = []
  const written: { readonly at: number; readonly owner: Owner; readonly octets: number }[] = []
  let counts = 0
  const told: string[] = []
  const ended: number[] = []
  let slowed: Slowed = { tenants: new Map() }
  const say = (state: BudgetState | undefined) => {
    if (!state) return 'enough'
    const { of, level, span } = state
    return `${of.kind === 'user' ? of.user : of.kind === 'everybody' ? 'all' : of.name} ${level} ${span}`
  }
  const budgets = new Budgets(plan, {
    ledger: {
      count: async () => {
        counts++
        for (const [owner, octets] of pending) {
          written.push({ at: now, owner, octets })
          budgets.grew(owner, octets)
        }
        pending = []
      },
      sumsNow: async (questions, asking) => {
        asking()
        return questions.map(({ from, per }) => ({
          rows: written
            .filter(({ at }) => at >= from)
            .map(
              ({ owner: { tenant, user }, octets }) =>
                ({
                  homeserver: tenant,
                  ...(per.includes('user') && { user: `<${user}>` }),
                  bytesToPeer: octets,
                  bytesToClient: 0,
                }) as UsageSum,
            ),
          more: false,
        }))
      },
      identitiesOf: user => [`<${user}>`],
      ...ledger,
    },
    now: () => now,
    slow: next => (slowed = next),
    end: allocation => {
      ended.push(allocation)
      budgets.hear(closed(allocation, '', traffic(0, 0, 0, 0), { since: 0, at: 0 }))
    },
    told: (_, after) => void told.push(say(after)),
    isShared,
    own,
  })
  const second = async () => {
    now += 1
    budgets.tick()
    await budgets.idle()
  }
  return {
    budgets,
    told,
    ended,
    counts: () => counts,
    use: (owner: Owner, octets: number) => void pending.push([owner, octets]),
    seconds: async (count: number) => {
      for (let i = 0; i < count; i++) await second()
    },
    setNow: (at: number) => (now = at),
    rate: (owner: Owner) => slowedTo(slowed, owner),
    open: (id: number, owner: Owner) => budgets.hear(opened(id, owner.user, { at: 0, tenant: owner.tenant })),
  }
}

t.test(
  'a user is warned of at 80 % and slowed down at 100 %, within five seconds, until the next day',
  async t => {
    const { budgets, use, seconds, told, rate, setNow } = rig({ ...EMPTY, perUser: slowly(1000) })
    await seconds(5)
    use(alice, 799)
    use(bob, 100)
    await seconds(5)
    t.same(told, [])
    use(alice, 1)
    await seconds(5)
    t.same(told, ['@alice:example.org warned day'])
    t.equal(rate(alice), ENOUGH)
    use(alice, 200)
    await seconds(5)
    t.same(told.slice(1), ['@alice:example.org spent day'])
    t.same([rate(alice), rate(bob)], [SLOW, ENOUGH])
    t.notOk(budgets.isSpent(alice), 'new calls begin, as slowly')
    setNow(START - (START % DAY) + DAY)
    await seconds(1)
    t.same(told.slice(2), ['enough'])
    t.equal(rate(alice), ENOUGH)
  },
)

t.test('a user of the same name at another homeserver is somebody else', async t => {
  const { use, seconds, rate } = rig({ ...EMPTY, perUser: slowly(1000) })
  use(mallory, 5000)
  await seconds(5)
  t.same([rate(mallory), rate(alice)], [SLOW, ENOUGH])
})

t.test('what is nearly used up is looked at each second, and all else every four seconds', async t => {
  const { use, seconds, counts, rate } = rig({ ...EMPTY, total: slowly(1_000_000) })
  await seconds(1)
  const before = counts()
  for (let i = 0; i < 8; i++) {
    use(alice, 100)
    await seconds(1)
  }
  t.equal(counts() - before, 2)
  const busy = counts()
  // 120 kB a second: what is left lasts for eight seconds.
  let used = 800
  let most = 0
  while (rate(alice) === ENOUGH) {
    use(alice, 120_000)
    used += 120_000
    most = Math.max(most, used)
    await seconds(1)
  }
  t.ok(most < 1_000_000 + 2 * 120_000, `${most} octets were used of a million`)
  t.ok(counts() - busy >= 5, `${counts() - busy} looks in ${(used - 800) / 120_000} seconds`)
})

t.test('a group shares one budget, and every member has the rate when it is used up', async t => {
  const group = { name: 'family', users: [alice.user, bob.user], ...slowly(1000) }
  const carol = { tenant: 'example.org', user: '@carol:example.org' }
  const { use, seconds, told, rate, open } = rig({ ...EMPTY, groups: [group] })
  open(1, alice)
  use(alice, 600)
  use(bob, 600)
  use(carol, 9000)
  await seconds(5)
  t.same(told, ['family spent day'])
  t.same([rate(alice), rate(bob), rate(carol), rate(mallory)], [SLOW, SLOW, ENOUGH, ENOUGH])
  open(2, mallory)
  await seconds(1)
  t.equal(rate(mallory), SLOW, 'a group of any homeserver has members at all of them')
})

t.test('a group of one homeserver has no members at others', async t => {
  const group = { name: 'family', users: [alice.user], homeserver: 'example.org', ...slowly(1000) }
  const { use, seconds, rate, told } = rig({ ...EMPTY, groups: [group] })
  use(mallory, 5000)
  await seconds(5)
  t.same(told, [])
  use(alice, 1000)
  await seconds(5)
  t.same([rate(alice), rate(mallory)], [SLOW, ENOUGH])
})

t.test(
  '"refuse" lets calls go on and no new ones begin; "end" ends them, those that open late as well',
  async t => {
    const plan = (atEnd: 'refuse' | 'end'): BudgetPlan => ({
      ...EMPTY,
      homeservers: [{ name: 'example.org', day: 1000, month: ENOUGH, atEnd }],
    })
    for (const atEnd of ['refuse', 'end'] as const) {
      const { budgets, use, seconds, ended, open } = rig(plan(atEnd))
      open(1, alice)
      open(2, mallory)
      await seconds(1)
      use(alice, 1000)
      await seconds(5)
      t.same([budgets.isSpent(alice), budgets.isSpent(bob), budgets.isSpent(mallory)], [true, true, false])
      t.same(ended, atEnd === 'end' ? [1] : [])
      open(3, bob)
      t.same(ended, atEnd === 'end' ? [1, 3] : [])
    }
  },
)

t.test('other budgets hold at once for calls that run, on what was used before', async t => {
  const { budgets, use, seconds, rate } = rig({ ...EMPTY, perUser: slowly(1000) })
  use(alice, 2000)
  await seconds(5)
  t.equal(rate(alice), SLOW)
  budgets.configure({ ...EMPTY, perUser: slowly(5000) })
  await seconds(1)
  t.equal(rate(alice), ENOUGH)
  budgets.configure({ ...EMPTY, homeservers: [{ name: 'example.org', ...slowly(1500) }] })
  await seconds(1)
  t.equal(rate(bob), SLOW)
  budgets.configure(EMPTY)
  t.equal(rate(bob), ENOUGH, 'and without a budget nobody is slow')
})

t.test(
  'what the ledger knows of this day and month counts, under all names that a user had there',
  async t => {
    const asked: UsageAsked[] = []
    const sum = (user: string | undefined, octets: number) =>
      ({
        start: 0,
        homeserver: 'example.org',
        ...(user && { user }),
        bytesToPeer: octets,
        bytesToClient: 0,
      }) as UsageSum
    const { budgets, use, seconds, rate, told } = rig(
      { ...EMPTY, perUser: slowly(1000, 5000), total: slowly(ENOUGH, 10_000) },
      {
        identitiesOf: () => ['old', 'new'],
        sumsNow: async (questions, asking) => {
          asking()
          asked.push(...questions)
          // What is used while it answers is in no answer.
          budgets.grew(alice, 50)
          const rows = [
            [sum(undefined, 900)],
            [sum('old', 400), sum('new', 500)],
            [sum(undefined, 8000)],
            [sum('old', 900)],
          ]
          return rows.map(rows => ({ rows, more: false }))
        },
      },
    )
    await seconds(1)
    t.match(asked, [
      { from: START - (START % DAY), per: ['homeserver'] },
      { from: START - (START % DAY), per: ['homeserver', 'user'] },
      { from: Date.UTC(2026, 5) / 1000, per: ['homeserver'] },
      { from: Date.UTC(2026, 5) / 1000 },
    ])
    await seconds(5)
    t.same(told.sort(), ['@alice:example.org warned day', 'all warned month'])
    use(alice, 50)
    await seconds(5)
    t.equal(rate(alice), SLOW, '400 and 500 from the ledger, 50 while it answered, 50 since')
  },
)

t.test(
  'a ledger that does not answer is asked again, and budgets hold meanwhile by what is known',
  async t => {
    let asked = 0
    const { use, seconds, rate } = rig(
      { ...EMPTY, perUser: slowly(1000) },
      {
        sumsNow: async () => {
          asked++
          throw new Error('connection refused')
        },
      },
    )
    use(alice, 1000)
    await seconds(10)
    t.equal(rate(alice), SLOW)
    t.equal(asked, 1)
    await seconds(60)
    t.equal(asked, 2)
  },
)

t.test('a ledger that other relays write to is asked again and again', async t => {
  let others = 0
  const { seconds, rate } = rig(
    { ...EMPTY, total: slowly(1000) },
    {
      sumsNow: async (_, asking) => {
        asking()
        const rows = [{ homeserver: 'example.org', bytesToPeer: others, bytesToClient: 0 } as UsageSum]
        return [
          { rows, more: false },
          { rows, more: false },
        ]
      },
    },
    true,
  )
  await seconds(10)
  t.equal(rate(alice), ENOUGH)
  others = 1000
  await seconds(320)
  t.equal(rate(alice), SLOW)
})

t.test('a clock that jumps ahead, and is set back, gives nobody a fresh budget', async t => {
  for (const away of [DAY, 40 * DAY, -DAY, -40 * DAY]) {
    const plan = { ...EMPTY, perUser: slowly(1000, 5000), total: slowly(9000) }
    const { use, seconds, rate, setNow, open } = rig(plan)
    use(alice, 1000)
    await seconds(5)
    t.equal(rate(alice), SLOW)
    setNow(START + away)
    await seconds(10)
    setNow(START + 30)
    open(1, alice)
    await seconds(10)
    t.equal(rate(alice), SLOW, `${away / DAY} days`)
  }
})

t.test('who has used up a budget begins no new call after a restart of the relay either', async t => {
  for (const atEnd of ['refuse', 'end', 'slow'] as const) {
    const { budgets, seconds, rate, open, ended } = rig(
      { ...EMPTY, perUser: { day: 1000, month: ENOUGH, atEnd } },
      {
        sumsNow: async (questions, asking) => {
          asking()
          const row = {
            homeserver: 'example.org',
            user: `<${alice.user}>`,
            bytesToPeer: 1000,
            bytesToClient: 0,
          }
          return questions.map(({ per }) => ({
            rows: [(per.includes('user') ? row : { ...row, user: undefined }) as UsageSum],
            more: false,
          }))
        },
      },
    )
    await seconds(2)
    t.same([budgets.isSpent(alice), budgets.isSpent(bob)], [atEnd !== 'slow', false], atEnd)
    open(1, alice)
    await seconds(5)
    t.equal(rate(alice), atEnd === 'slow' ? SLOW : ENOUGH)
    t.same(ended, atEnd === 'end' ? [1] : [])
  }
})

t.test('a homeserver that makes up names lets nobody escape whose use has been counted', async t => {
  const sums = new BudgetSums(() => [], START, 100)
  const member = { tenant: 'example.org', user: '@member' }
  sums.named(member)
  sums.add(alice, 500, true)
  for (let i = 0; i < 5000; i++) {
    sums.add({ tenant: 'evil.example', user: `@${i}` }, 1, true)
    sums.add({ tenant: 'evil.example', user: '@busy' }, 10, true)
  }
  t.equal([...sums.users].length, 100)
  t.equal(sums.user(alice).used.day, 500)
  t.equal(sums.user({ tenant: 'evil.example', user: '@busy' }).used.day, 50_000)
  const before = sums.named(member)
  sums.add(member, 7, true)
  t.same(before, { day: 7, month: 7 }, 'whom the configuration names, stays')
})

t.test('a group whose members come after a hundred thousand others is held to its budget', async t => {
  const group = { name: 'family', users: [alice.user, bob.user], ...slowly(1000) }
  const { use, seconds, rate, open } = rig({ ...EMPTY, groups: [group] })
  for (let i = 0; i < 100_000; i++) use({ tenant: 'evil.example', user: `@${i}` }, 1)
  await seconds(1)
  open(1, alice)
  use(alice, 1000)
  await seconds(9)
  t.equal(rate(bob), SLOW)
})

t.test(
  'S-14: what the ledger knows of many users is taken in slices, and nothing is lost meanwhile',
  async t => {
    const count = 20_000
    const asked: string[] = []
    const sums = new BudgetSums(user => {
      asked.push(user)
      return [user]
    }, START)
    const owner = (i: number) => ({ tenant: 'example.org', user: `@${i}` })
    for (let i = 0; i < count; i++) sums.add(owner(i), 1, true)
    sums.ask()
    sums.add(owner(0), 10, true)
    sums.add(owner(count - 1), 10, true)
    const rows = Array.from(
      { length: count },
      (_, i) =>
        ({ homeserver: 'example.org', user: `@${i}`, bytesToPeer: 100, bytesToClient: 0 }) as UsageSum,
    )
    let turns = 0
    const other = setInterval(() => {
      turns++
      sums.add(owner(0), 1000, true)
      sums.add(owner(count - 1), 1000, true)
    })
    t.ok(await sums.take({ day: rows, month: rows }))
    clearInterval(other)
    t.ok(turns > 0, 'others had their turn')
    t.equal(asked.length, count)
    for (const i of [0, count - 1])
      t.same(sums.user(owner(i)).used, { day: 110 + 1000 * turns, month: 110 + 1000 * turns })
    t.same(sums.user(owner(1)).used, { day: 100, month: 100 })
  },
)

t.test('S-14: a used-up budget ends ten thousand calls in slices', async t => {
  const { budgets, use, seconds, ended, open } = rig({
    ...EMPTY,
    total: { day: 1000, month: ENOUGH, atEnd: 'end' },
  })
  for (let i = 1; i <= 10_000; i++) open(i, { tenant: 'example.org', user: `@${i}` })
  await seconds(5)
  use(alice, 1000)
  const between: number[] = []
  const other = setInterval(() => between.push(ended.length))
  await seconds(5)
  clearInterval(other)
  t.equal(ended.length, 10_000)
  t.ok(
    between.some(count => count > 0 && count < 10_000),
    'others had their turn meanwhile',
  )
  t.ok(budgets.isSpent(bob))
})

t.test(
  'whoever uses whatever whenever: those are slow who have used up something, and nobody else',
  async t => {
    const owners = [alice, bob, mallory]
    const step = fc.record({
      who: fc.nat(2),
      octets: fc.nat(400),
      // Sometimes another day, and now and then another month.
      pause: fc.constantFrom(5, 5, 5, 60, DAY, 12 * DAY),
    })
    const limits = fc.record({
      day: fc.integer({ min: 300, max: 1500 }),
      month: fc.integer({ min: 500, max: 3000 }),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.record({ perUser: limits, group: limits, home: limits, total: limits }),
        fc.array(step, { maxLength: 40 }),
        async (budget, steps) => {
          const atEnd = 'slow' as const
          const group = { name: 'family', users: [alice.user, bob.user], homeserver: 'example.org' }
          const { use, seconds, rate, setNow } = rig({
            ...EMPTY,
            perUser: { ...budget.perUser, atEnd },
            groups: [{ ...group, ...budget.group, atEnd }],
            homeservers: [{ name: 'evil.example', ...budget.home, atEnd }],
            total: { ...budget.total, atEnd },
          })
          let now = START
          let used: { readonly at: number; readonly who: number; readonly octets: number }[] = []
          for (const { who, octets, pause } of steps) {
            now += pause
            setNow(now)
            // The day is another one before anything is counted on it.
            await seconds(1)
            now += 1
            use(owners[who]!, octets)
            await seconds(5)
            used = [...used, { at: now, who, octets }]
            now += 5
            const isSame = (length: number, at: number) => new Date(at * 1000).toISOString().slice(0, length)
            const over = (
              { day, month }: { day: number; month: number },
              whose: (who: number) => boolean,
            ) => {
              const sum = (length: number) =>
                used
                  .filter(one => whose(one.who) && isSame(length, one.at) === isSame(length, now))
                  .reduce((sum, one) => sum + one.octets, 0)
              return sum(10) >= day || sum(7) >= month
            }
            const isAll = over(budget.total, () => true)
            for (const [i, owner] of owners.entries()) {
              const isSlow =
                isAll ||
                over(budget.perUser, who => who === i) ||
                (i === 2 ? over(budget.home, who => who === 2) : over(budget.group, who => who < 2))
              if ((rate(owner) === SLOW) !== isSlow) throw new Error(`${owner.user}: ${rate(owner)}`)
            }
          }
        },
      ),
      { numRuns: 60 },
    )
    t.pass('no counterexample')
  },
)

function ownLimits(file: string, failed: string[] = []): OwnLimits {
  const identitiesOf = (user: string) => [`old ${user.length}`, `<${user.length}>`]
  return new OwnLimits({ file, identitiesOf, failed: why => void failed.push(why) })
}

t.test(
  'a limit of one’s own holds within seconds, counts what was used before, and is lifted again',
  async t => {
    const own = ownLimits(join(t.testdir(), 'own'))
    const { budgets, use, seconds, rate, told } = rig(EMPTY, {}, false, own)
    budgets.hear(opened(1, alice.user, { at: 0 }))
    await seconds(5)
    t.equal(rate(alice), ENOUGH)
    t.ok(budgets.setOwn(alice, 100).ok)
    use(alice, 60)
    await seconds(5)
    t.equal(rate(alice), ENOUGH)
    use(alice, 60)
    use(mallory, 1000)
    await seconds(5)
    t.equal(rate(alice), SLOW)
    t.equal(rate(mallory), ENOUGH, 'somebody of that name elsewhere has set none')
    t.match(told, ['@alice:example.org spent month'])
    t.ok(budgets.setOwn(alice, 500).ok)
    await seconds(2)
    t.equal(rate(alice), ENOUGH)
    t.ok(budgets.setOwn(alice, 10).ok)
    await seconds(2)
    t.equal(rate(alice), SLOW)
    t.ok(budgets.setOwn(alice, undefined).ok)
    await seconds(2)
    t.equal(rate(alice), ENOUGH)
  },
)

t.test('nobody allows themselves more than the operator does', async t => {
  const own = ownLimits(join(t.testdir(), 'own'))
  const plan = { ...EMPTY, perUser: { day: 50, month: 200, atEnd: 'refuse' as const } }
  const { budgets, use, seconds } = rig(plan, {}, false, own)
  t.same(budgets.setOwn(alice, 201), { ok: false, error: 'too-high' })
  t.ok(budgets.setOwn(alice, 200).ok)
  t.ok(budgets.setOwn(alice, 40).ok)
  use(alice, 45)
  await seconds(5)
  t.ok(budgets.isSpent(alice), 'and what happens at the end is what the operator says')
  budgets.configure({ ...plan, perUser: { day: 10, month: 20, atEnd: 'refuse' } })
  t.ok(budgets.setOwn(alice, undefined).ok)
  await seconds(5)
  t.ok(budgets.isSpent(alice))
  t.same(budgets.budgetOf(bob), { day: 10, month: 20, atEnd: 'refuse' })
})

t.test('a first limit of somebody’s own frees nobody from a budget that is used up', async t => {
  const own = ownLimits(join(t.testdir(), 'own'))
  const plan = { ...EMPTY, homeservers: [{ name: 'example.org', ...slowly(100) }] }
  const { budgets, use, seconds, rate } = rig(
    plan,
    { sumsNow: () => Promise.reject(new Error('away')) },
    false,
    own,
  )
  use(bob, 200)
  await seconds(5)
  t.equal(rate(bob), SLOW)
  t.ok(budgets.setOwn(alice, 1e6).ok)
  for (let i = 0; i < 6; i++) {
    await seconds(1)
    t.equal(rate(bob), SLOW)
  }
})

t.test('limits of one’s own outlive the process, under pseudonyms, and can be forgotten', async t => {
  const file = join(t.testdir(), 'own')
  const failed: string[] = []
  const own = ownLimits(file, failed)
  t.ok(own.set(alice, 100).ok)
  t.ok(own.set(mallory, 50).ok)
  t.ok(own.set(alice, 70).ok)
  await own.idle()
  t.notMatch(readFileSync(file, 'utf8'), /alice/)
  writeFileSync(file, `${readFileSync(file, 'utf8')}{"homeserver":\nnull\n[]\n`)
  const again = ownLimits(file, failed)
  t.equal(again.size, 2)
  t.equal(again.of(alice), 70)
  t.same(
    [...again.ofUser(alice.user)].sort((a, b) => b.month - a.month),
    [
      { homeserver: 'example.org', month: 70 },
      { homeserver: 'evil.example', month: 50 },
    ],
  )
  again.forget(alice.user)
  t.equal(again.size, 0)
  t.equal(again.of(alice), undefined)
  await again.idle()
  t.equal(readFileSync(file, 'utf8'), '')
  t.same(failed, [])
})

t.test('users of one homeserver cannot fill the table of limits for those of others', async t => {
  const file = join(t.testdir(), 'own')
  const own = new OwnLimits({ file, identitiesOf: user => [user], failed: why => t.fail(why) })
  for (let i = 0; i < 10_000; i++)
    if (!own.set({ tenant: 'evil.example', user: `u${i}` }, 1).ok) t.fail(`u${i}`)
  t.same(own.set({ tenant: 'evil.example', user: 'one more' }, 1), { ok: false, error: 'full' })
  t.ok(own.set({ tenant: 'evil.example', user: 'u7' }, 2).ok, 'one that is there can be changed')
  t.ok(own.set(alice, 1).ok)
  await own.idle()
})

t.test('a payer sees the sum of the group, and nobody else does', async t => {
  const group = (more: object) => ({
    name: 'family',
    users: [alice.user, bob.user],
    ...slowly(ENOUGH, 500),
    ...more,
  })
  const { budgets, use, seconds } = rig({
    ...EMPTY,
    groups: [group({ payer: alice.user, homeserver: 'example.org' })],
  })
  use(alice, 10)
  use(bob, 20)
  use(mallory, 40)
  await seconds(5)
  t.match(budgets.paidBy(alice), [{ group: { name: 'family' }, used: { month: 30 } }])
  t.same(budgets.paidBy(bob), [])
  t.same(budgets.paidBy(mallory), [], 'nor does one of the same name at another homeserver')
})
