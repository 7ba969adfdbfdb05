import fc from 'fast-check'
import t from 'tap'
import { costsSchema } from '../../../src/config/schema/costs.ts'
import type { Database } from '../../../src/ledger/store/database.ts'
import { usedTogether } from '../../../src/ledger/store/together.ts'
import { SECONDS_A_DAY } from '../../../src/ledger/usage.ts'
import { MonthlyCosts } from '../../../src/process/usage/monthly-costs.ts'

const JUNE = Date.UTC(2026, 5) / 1000
const GB = 1e9
type Day = Readonly<Record<string, number>>

/** A database that has days of June, with what each person has used. */
function holding(days: readonly Day[]): Database {
  const all: Database['all'] = async (_, [start = 0] = []) =>
    Object.entries(days[(Number(start) - JUNE) / SECONDS_A_DAY] ?? {}).map(([identity, octets]) => ({
      homeserver: 'example.org',
      identity,
      octets,
    }))
  return { all } as Partial<Database> as Database
}

const ask = (days: readonly Day[], to = days.length) =>
  usedTogether(holding(days), { from: JUNE, to: JUNE + to * SECONDS_A_DAY })

const FIVE = { a: 10, b: 10, c: 10, d: 10, e: 10 }

t.test('what everybody has used is told up to a day by which several people have used it', async t => {
  t.same(await ask([FIVE]), { until: JUNE + SECONDS_A_DAY, octets: 50 })
  t.same(await ask([]), { until: JUNE, octets: 0 })
  t.same(await ask([{ a: 10, b: 10, c: 10, d: 10 }]), { until: JUNE, octets: 0 }, 'four are too few')
  t.same(await ask([{ ...FIVE, a: 100 }]), { until: JUNE, octets: 0 }, 'one has most of it')
  t.same(
    await ask([{ a: 10, b: 10, c: 10, d: 10, '': 10 }]),
    { until: JUNE, octets: 0 },
    'of one nobody is known',
  )
  t.same(
    await ask([
      { a: 10, b: 10 },
      { c: 10, d: 10, e: 10 },
    ]),
    { until: JUNE + 2 * SECONDS_A_DAY, octets: 50 },
  )
})

t.test('a day on which few used it is not told by the difference to the day before', async t => {
  const told = await ask([FIVE])
  t.same(await ask([FIVE, { a: 7 }]), told)
  t.same(await ask([FIVE, { a: 7 }, { b: 7 }, {}]), told)
  t.same(await ask([FIVE, { a: 7 }, FIVE]), { until: JUNE + 3 * SECONDS_A_DAY, octets: 107 })
})

t.test('part of a day is not told, however many have used it', async t => {
  t.same(await usedTogether(holding([FIVE, FIVE]), { from: JUNE, to: JUNE + 1.9 * SECONDS_A_DAY }), {
    until: JUNE + SECONDS_A_DAY,
    octets: 50,
  })
})

t.test('anyone who watches the sum each day sees only what several people have used in between', async t => {
  const day = fc.dictionary(fc.constantFrom(...'abcdefgh', ''), fc.integer({ min: 0, max: 40 }))
  await fc.assert(
    fc.asyncProperty(fc.array(day, { maxLength: 12 }), async days => {
      let last = { until: JUNE, octets: 0 }
      for (let to = 0; to <= days.length; to++) {
        const told = await ask(days, to)
        if (told.until === last.until) {
          if (told.octets !== last.octets) throw new Error('it changes without a later day')
          continue
        }
        const between = days.slice((last.until - JUNE) / SECONDS_A_DAY, (told.until - JUNE) / SECONDS_A_DAY)
        const people = new Map<string, number>()
        for (const one of between)
          for (const [name, octets] of Object.entries(one)) people.set(name, (people.get(name) ?? 0) + octets)
        const some = [...people].filter(([name, octets]) => name !== '' && octets > 0)
        const [first = 0, second = 0, ...others] = [...people.values()].sort((a, b) => b - a)
        const rest = others.reduce((sum, one) => sum + one, 0)
        if (some.length < 5 || first > second + rest || rest * 4 < first)
          throw new Error(`${JSON.stringify(between)} is told`)
        if (told.octets - last.octets !== first + second + rest) throw new Error('it is another sum')
        last = told
      }
    }),
    { numRuns: 300 },
  )
  t.pass('no counterexample')
})

/** Costs of a month in which 100 GB were used by its fifth day. */
function monthly(costs: object = { costs: [{ name: 'Server', monthly: 30 }] }) {
  const asked: object[] = []
  const state = { found: { until: JUNE + 4 * SECONDS_A_DAY, octets: 123 * GB }, isAway: false }
  const settings = { current: { costs: costsSchema.parse(costs) } }
  const made = new MonthlyCosts(settings as never, {
    together: async question => {
      asked.push(question)
      if (state.isAway) throw new Error('away')
      return state.found
    },
  })
  return {
    made,
    asked,
    state,
    at: (day: number, seconds = 0) => made.of(JUNE + day * SECONDS_A_DAY + seconds),
  }
}

t.test(
  'the ledger is asked once a day, and its sum is rounded before anything is computed from it',
  async t => {
    const electricity = { pricePerKwh: 0.5, watts: 10, wattsPerMbit: 0.36, supplier: 'Wind' }
    const { at, asked } = monthly({ costs: [{ name: 'Server', monthly: 30 }], electricity })
    // 10 W for four days, and 120 GB twice over the line at 0.36 J a Mbit.
    const kwh = (10 * 96 + (0.36 * 2 * 120_000 * 8) / 3600) / 1000
    t.match(await at(5, 1000), {
      ...{ until: JUNE + 4 * SECONDS_A_DAY, octets: 120 * GB, currency: 'EUR' },
      ...{ cost: 30 + kwh / 2, kwh, by: ['estimate'], supplier: 'Wind' },
    })
    await Promise.all([at(5, 1001), at(5, 80_000), at(6, 899)])
    t.same(asked, [{ from: JUNE, to: JUNE + 5 * SECONDS_A_DAY }])
    await at(6, 900)
    t.same(asked.slice(1), [{ from: JUNE, to: JUNE + 6 * SECONDS_A_DAY }], 'when the day before has arrived')
  },
)

t.test('what arrives late changes no sum that was told, and another month begins anew', async t => {
  const { at, state } = monthly()
  t.match(await at(5, 1000), { octets: 120 * GB })
  state.found = { ...state.found, octets: 200 * GB }
  t.match(await at(6, 1000), { octets: 120 * GB }, 'a day before was told already')
  state.found = { until: JUNE + 6 * SECONDS_A_DAY, octets: 210 * GB }
  t.match(await at(7, 1000), { octets: 210 * GB, until: state.found.until })
  t.match(await at(30, 10), { octets: 0, until: JUNE + 30 * SECONDS_A_DAY, cost: 30 })
  state.found = { until: JUNE + 31 * SECONDS_A_DAY, octets: 7 * GB }
  t.match(await at(31, 1000), { octets: 7 * GB })
})

t.test('a ledger that does not answer is asked again a minute later, and without costs never', async t => {
  const { at, asked, state } = monthly()
  state.isAway = true
  await t.rejects(at(5, 1000))
  await t.rejects(at(5, 1030))
  t.equal(asked.length, 1)
  state.isAway = false
  t.match(await at(5, 1060), { octets: 120 * GB })
  const without = new MonthlyCosts({ current: {} } as never, {
    together: () => Promise.reject(new Error('asked')),
  })
  t.equal(await without.of(JUNE + 5 * SECONDS_A_DAY), undefined)
})
