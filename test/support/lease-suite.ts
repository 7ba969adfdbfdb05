import fc from 'fast-check'
import type { Test } from 'tap'
import type { Owner } from '../../src/core/event.ts'
import type { Budget } from '../../src/ledger/budgets/budget-plan.ts'
import { Budgets } from '../../src/ledger/budgets/budgets.ts'
import type { LeaseAsk, LeaseRow, LeasesAnswer, LeasesAsked } from '../../src/ledger/leases/lease-terms.ts'
import { Leases } from '../../src/ledger/leases/leases.ts'
import type { UsageSum } from '../../src/ledger/store/ledger-store.ts'

/** A database that relays share budgets in. */
export interface LeaseDesk {
  lease(asked: LeasesAsked): Promise<LeasesAnswer>
  /** Its clock stands still, but for `pass`. */
  readonly isSimulated: boolean
  /** Lets so many seconds pass by the database's clock. */
  pass(seconds: number): Promise<void>
  tidy(): Promise<void>
  forget(users: readonly string[]): Promise<void>
}

export type FreshDesk = (t: Test) => Promise<LeaseDesk>

const START = Date.UTC(2026, 5, 15, 12) / 1000
const DAY = START - 12 * 3600
const MONTH = Date.UTC(2026, 5, 1) / 1000
const ENOUGH = Number.POSITIVE_INFINITY
export const FAMILY: readonly Owner[] = ['@alice:example.org', '@bob:example.org'].map(user => ({
  tenant: 'example.org',
  user,
}))
const [alice, bob] = FAMILY as [Owner, Owner]
const SLOW = 16_000

export function asking(
  relay: string,
  asks: readonly Partial<LeaseAsk>[],
  more: Partial<LeasesAsked> = {},
): LeasesAsked {
  const ask = { span: 'month', start: MONTH, kind: 'group', homeserver: '', identity: 'family' } as const
  const numbers = { limit: 100_000, used: 0, wanted: 1e9, atLeast: 0 }
  const filled = asks.map(one => ({ ...ask, ...numbers, ...one }))
  return { relay, isKnown: true, since: 0, day: DAY, month: MONTH, ...more, asks: filled }
}

/** Octets per second that somebody wants to use at a relay. */
interface Wish {
  readonly owner: Owner
  readonly rate: number
}

/** Several relays with one budget each of the same family, one second after the other. */
export function fleet(
  desk: LeaseDesk,
  count: number,
  budget: Budget,
  identify = (name: string) => `<${name}>`,
) {
  let now = 0
  let names = 0
  /** What all have carried, and when it came to the ledger. */
  const written: { readonly at: number; readonly owner: Owner; readonly octets: number }[] = []
  let isAway = false
  const cutOff = new Set<number>()
  let statements = 0
  const group = { name: 'family', users: FAMILY.map(({ user }) => user), ...budget }
  const plan = (limits: Budget) => ({ groups: [{ ...group, ...limits }], homeservers: [], slowTo: SLOW })
  const relays = Array.from({ length: count }, (_, index) => {
    let pending: Wish[] = []
    let unwritten: [Owner, number][] = []
    let carried = 0
    let isSlow = false
    const said: string[] = []
    const leases = new Leases({
      lease: async asked => {
        if (isAway || cutOff.has(index)) throw new Error('away')
        statements++
        return desk.lease(asked)
      },
      close: async () => {},
      identify,
      clock: () => now,
      fresh: () => `relay${++names}`,
      away: away => void said.push(away ? 'away' : 'back'),
    })
    const budgets: Budgets = new Budgets(plan(budget), {
      ledger: {
        count: async () => {
          for (const { owner, rate } of pending) {
            unwritten.push([owner, rate])
            budgets.grew(owner, rate)
          }
          pending = []
        },
        sumsNow: async (questions, asking) => {
          if (isAway || cutOff.has(index)) throw new Error('away')
          asking()
          for (const [owner, octets] of unwritten) written.push({ at: now, owner, octets })
          unwritten = []
          return questions.map(({ per }) => ({
            rows: written.map(
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
      },
      now: () => START + now,
      slow: slowed => {
        isSlow = slowed.tenants.size > 0
      },
      end: () => {},
      told: () => {},
      isShared: true,
      leases,
    })
    return {
      budgets,
      said,
      carried: () => carried,
      isSlow: () => isSlow,
      figure: () => [...budgets.figures()][0]!.used.month,
      use: (owner: Owner, octets: number) => {
        if (isSlow) return
        carried += octets
        pending.push({ owner, rate: octets })
      },
    }
  })
  const sum = () => relays.reduce((sum, relay) => sum + relay.carried(), 0)
  return {
    relays,
    sum,
    statements: () => statements,
    cut: (...which: number[]) => {
      cutOff.clear()
      for (const one of which) cutOff.add(one)
    },
    setAway: (away: boolean) => {
      isAway = away
    },
    configure: (limits: Budget) => {
      for (const { budgets } of relays) budgets.configure(plan(limits))
    },
    /** `wish` says how much each relay wants to carry in a second. */
    seconds: async (seconds: number, wish: (relay: number) => number = () => 0) => {
      for (let i = 0; i < seconds; i++) {
        now += 1
        for (const [index, relay] of relays.entries()) {
          relay.use(index % 2 === 0 ? alice : bob, wish(index))
          relay.budgets.tick()
        }
        for (const { budgets } of relays) await budgets.idle()
        if (desk.isSimulated) await desk.pass(1)
      }
    },
  }
}

/** What holds for budgets that relays share, whatever they share them in. */
export function leaseSuite(t: Test, fresh: FreshDesk, { runs }: { readonly runs: number }): void {
  const only = ({ rows }: LeasesAnswer): LeaseRow => rows[0]!

  t.test('the same word twice counts once, and a lease is never more than half of 1 %', async t => {
    const desk = await fresh(t)
    const first = asking('a', [{ used: 500 }], { isKnown: false })
    t.match(only(await desk.lease(first)), { used: 500, own: 500, leased: 500, sharers: 1 })
    t.match(only(await desk.lease(first)), { used: 500, own: 500, leased: 500, sharers: 1 })
    const other = await desk.lease(asking('b', [{ used: 300 }], { isKnown: false }))
    t.match(other, { relays: 2, isKnown: true })
    t.match(only(other), { used: 800, own: 300, leased: 250, sharers: 2 })
    t.match(only(await desk.lease(asking('a', [{ used: 700, wanted: 10 }]))), {
      used: 1000,
      own: 700,
      leased: 10,
    })
    t.match(only(await desk.lease(asking('a', [{ used: 600 }]))), { used: 1000, own: 700, leased: 375 })
  })

  t.test('leases of several relays are less than what is left together, until nothing is', async t => {
    const desk = await fresh(t)
    const relays = ['a', 'b', 'c', 'd']
    for (const relay of relays) await desk.lease(asking(relay, [], { isKnown: false }))
    const used = new Map<string, number>()
    const leased = new Map<string, number>()
    let total = 0
    for (let round = 0; round < 400 && total < 100_000; round++) {
      const relay = relays[round % 4]!
      const more = round < 30 ? 3000 : (leased.get(relay) ?? 0) + 1
      total += more
      used.set(relay, (used.get(relay) ?? 0) + more)
      const row = only(await desk.lease(asking(relay, [{ used: used.get(relay)! }])))
      leased.set(relay, row.leased)
      t.equal(row.used, total)
      const out = [...leased.values()].reduce((a, b) => a + b, 0)
      if (out > Math.min(1000, Math.max(0, 100_000 - total) + 1000)) t.fail(`${out} are leased at ${total}`)
    }
    const row = only(await desk.lease(asking('a', [{ used: used.get('a')! + 100_000 }])))
    t.equal(row.leased, 0)
  })

  t.test('what a relay has leased that is silent is free after 30 seconds, and its use is kept', async t => {
    const desk = await fresh(t)
    await desk.lease(asking('a', [{ used: 40_000 }], { isKnown: false }))
    t.match(only(await desk.lease(asking('b', [{}], { isKnown: false }))), { used: 40_000, leased: 250 })
    await desk.pass(31)
    t.match(await desk.lease(asking('b', [{}])), {
      relays: 1,
      rows: [{ used: 40_000, leased: 500, sharers: 1 }],
    })
  })

  t.test('a run that was silent for days is folded, and what it says then is not added twice', async t => {
    const desk = await fresh(t)
    await desk.lease(asking('a', [{ used: 4000 }], { isKnown: false }))
    await desk.pass(26 * 3600)
    await desk.tidy()
    t.match(only(await desk.lease(asking('b', [{ used: 1 }], { isKnown: false }))), { used: 4001, own: 1 })
    t.match(await desk.lease(asking('a', [{ used: 5000 }])), {
      isKnown: false,
      rows: [{ used: 4001, own: 0 }],
    })
    t.match(only(await desk.lease(asking('c', [{ used: 1000 }], { isKnown: false }))), {
      used: 5001,
      own: 1000,
    })
  })

  t.test('what the ledger knows more is added once', async t => {
    const desk = await fresh(t)
    t.match(only(await desk.lease(asking('a', [{ used: 100, atLeast: 5000 }], { isKnown: false }))), {
      used: 5000,
    })
    t.match(only(await desk.lease(asking('b', [{ used: 50, atLeast: 5000 }], { isKnown: false }))), {
      used: 5050,
    })
    t.match(only(await desk.lease(asking('a', [{ used: 100, atLeast: 5000 }]))), { used: 5050 })
    t.match(only(await desk.lease(asking('a', [{ used: 100, atLeast: 7000 }]))), { used: 7000, own: 100 })
  })

  t.test('a relay hears of what others have used, of single users when little is left', async t => {
    const desk = await fresh(t)
    const user = { kind: 'user', homeserver: 'example.org', identity: 'x' } as const
    const { now } = await desk.lease(asking('b', [], { isKnown: false }))
    await desk.lease(asking('a', [{ used: 1 }, { ...user, used: 79_999 }], { isKnown: false }))
    const heard = async (since: number) =>
      (await desk.lease(asking('b', [], { since }))).rows.map(({ kind, used }) => `${kind} ${used}`)
    t.strictSame(await heard(now), ['group 1'])
    await desk.lease(asking('a', [{ ...user, used: 80_000 }]))
    t.strictSame((await heard(now)).sort(), ['group 1', 'user 80000'])
    await desk.pass(10)
    const later = await desk.lease(asking('a', []))
    t.strictSame(await heard(later.now), [])
    t.strictSame((await heard(0)).sort(), ['group 1', 'user 80000'])
    await desk.forget(['x', 'y'])
    t.strictSame(await heard(0), ['group 1'])
  })

  t.test('days and months of the past are cleared away', async t => {
    const desk = await fresh(t)
    await desk.lease(asking('a', [{ span: 'day', start: DAY, used: 1 }, { used: 2 }], { isKnown: false }))
    const rows = async () =>
      (await desk.lease(asking('a', [], { isKnown: false }))).rows.map(({ span }) => span)
    await desk.pass(3 * 86_400)
    await desk.tidy()
    t.strictSame(await rows(), ['month'])
    await desk.pass(41 * 86_400)
    await desk.tidy()
    t.strictSame(await rows(), [])
  })

  t.test('two relays hold a family to one budget within 1 %, and both stop', async t => {
    const { relays, seconds, sum, statements } = fleet(await fresh(t), 2, {
      day: ENOUGH,
      month: 1_000_000,
      atEnd: 'slow',
    })
    await seconds(30)
    const idle = statements()
    t.ok(idle <= 18, `${idle} statements in 30 seconds without calls`)
    await seconds(300, relay => (relay === 0 ? 1500 : 500))
    t.notOk(relays.some(({ isSlow }) => isSlow()))
    t.equal(sum(), 600_000)
    await seconds(300, relay => (relay === 0 ? 1500 : 500))
    t.ok(relays.every(({ isSlow }) => isSlow()))
    t.ok(sum() >= 1_000_000 && sum() <= 1_010_000, `${sum()}`)
    t.ok(statements() - idle <= 2 * 600, 'one a second each, at most')
    await seconds(70)
    for (const { figure } of relays) t.equal(figure(), sum(), 'each says what both have used')
  })

  t.test(
    'a relay where nothing was used refuses new calls of those who have used it up elsewhere',
    async t => {
      const { relays, seconds } = fleet(await fresh(t), 2, { day: ENOUGH, month: 100_000, atEnd: 'refuse' })
      await seconds(70, relay => (relay === 0 ? 1000 : 0))
      t.notOk(relays[1]!.budgets.isSpent(bob))
      while (!relays[0]!.budgets.isSpent(alice)) await seconds(1, relay => (relay === 0 ? 1000 : 0))
      await seconds(5)
      t.ok(relays[1]!.budgets.isSpent(bob))
      t.notOk(relays[1]!.budgets.isSpent({ tenant: 'example.org', user: '@carol:example.org' }))
    },
  )

  t.test('relays that the database has forgotten go on under other names, and nothing is double', async t => {
    const desk = await fresh(t)
    const limits = { day: ENOUGH, month: 1_000_000, atEnd: 'slow' } as const
    const { relays, seconds, sum } = fleet(desk, 2, limits)
    await seconds(100, relay => 1000 + relay)
    await desk.pass(26 * 3600)
    await desk.tidy()
    await seconds(40, relay => 1000 + relay)
    await seconds(30)
    for (const { figure } of relays) t.equal(figure(), sum())
    t.match(only(await desk.lease(asking('c', [{ identity: '<family>' }], { isKnown: false }))), {
      used: sum(),
    })
  })

  t.test('relays whose ledger has no key take nobody for somebody else', async t => {
    const desk = await fresh(t)
    const limits = { day: ENOUGH, month: 100_000, atEnd: 'slow' } as const
    const { relays, seconds } = fleet(desk, 2, limits, () => '')
    await seconds(150, relay => (relay === 0 ? 1000 : 10))
    t.ok(relays[0]!.isSlow())
    t.notOk(relays[1]!.isSlow(), 'each holds it by itself')
    t.strictSame((await desk.lease(asking('a', [], { isKnown: false }))).rows, [])
  })

  t.test('a changed budget holds for what runs, within five seconds', async t => {
    const limits = { day: ENOUGH, month: 100_000, atEnd: 'slow' } as const
    const { relays, seconds, configure } = fleet(await fresh(t), 2, limits)
    await seconds(200, () => 1000)
    t.ok(relays.every(({ isSlow }) => isSlow()))
    configure({ ...limits, month: 200_000 })
    await seconds(5)
    t.notOk(relays.some(({ isSlow }) => isSlow()))
    await seconds(200, () => 1000)
    t.ok(relays.every(({ isSlow }) => isSlow()))
  })

  t.test('while the database is away, all relays together use what was left', async t => {
    const { relays, seconds, sum, setAway } = fleet(await fresh(t), 4, {
      day: ENOUGH,
      month: 1_000_000,
      atEnd: 'slow',
    })
    await seconds(100, () => 1000)
    setAway(true)
    await seconds(100, () => 1000)
    for (const { said } of relays) t.strictSame(said, ['away'])
    t.notOk(
      relays.some(({ isSlow }) => isSlow()),
      'they go on',
    )
    await seconds(100, () => 1000)
    t.ok(relays.every(({ isSlow }) => isSlow()))
    t.ok(sum() >= 990_000 && sum() <= 1_020_000, `${sum()}`)
    setAway(false)
    await seconds(130)
    for (const { figure, said } of relays) {
      t.strictSame(said, ['away', 'back'])
      t.equal(figure(), sum())
    }
  })

  t.test('a relay that is cut off uses no more than its share of what was left then', async t => {
    const { relays, seconds, sum, cut } = fleet(await fresh(t), 2, {
      day: ENOUGH,
      month: 1_000_000,
      atEnd: 'slow',
    })
    await seconds(100, () => 2000)
    cut(1)
    await seconds(600, () => 2000)
    t.ok(relays.every(({ isSlow }) => isSlow()))
    const left = 600_000
    t.ok(sum() <= 1_010_000 + left / 2, `${sum()}`)
    cut()
    await seconds(130)
    for (const { figure } of relays) t.equal(figure(), sum(), 'and what it has used counts afterwards')
  })

  t.test('whoever uses it wherever: all together no more than 1 % over, and nobody stops before', async t => {
    const LIMIT = 1_000_000
    const step = fc.record({
      relay: fc.nat(5),
      // All together up to 2000 a second: the budget lasts for 500 seconds.
      rate: fc.integer({ min: 0, max: 333 }),
      seconds: fc.integer({ min: 1, max: 120 }),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 2, max: 6 }),
        fc.array(step, { maxLength: 30 }),
        async (count, steps) => {
          const { relays, seconds, sum } = fleet(await fresh(t), count, {
            day: ENOUGH,
            month: LIMIT,
            atEnd: 'slow',
          })
          const rates = Array.from({ length: count }, () => 333)
          for (const step of [...steps, { relay: 0, rate: 333, seconds: 1000 }]) {
            rates[step.relay % count] = step.rate
            for (let i = 0; i < step.seconds; i++) {
              await seconds(1, relay => rates[relay]!)
              if (sum() > LIMIT * 1.01) throw new Error(`${sum()}`)
              if (sum() < LIMIT && relays.some(({ isSlow }) => isSlow()))
                throw new Error(`stopped at ${sum()}`)
              if (relays.every(({ isSlow }) => isSlow())) break
            }
          }
        },
      ),
      { numRuns: runs },
    )
    t.pass('no counterexample')
  })
}
