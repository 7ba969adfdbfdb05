import fc from 'fast-check'
import t from 'tap'
import { parseCosts } from '../../../src/config/costs.ts'
import { ConfigError } from '../../../src/config/problem.ts'
import { reportCsv } from '../../../src/report/csv.ts'
import { figuresOf, peopleOf } from '../../../src/report/figures.ts'
import { reportPage } from '../../../src/report/page.ts'
import { publicFigures } from '../../../src/report/public.ts'
import { lastSpan, parseSpan } from '../../../src/report/span.ts'
import { usageReportWords } from '../../../src/report/words.ts'

const MAY = parseSpan('2026-05')!
const START = Date.UTC(2026, 4) / 1000
const GB = 1e9

function line(homeserver: string, octets: number, user?: string, day = 0) {
  return {
    start: START + day * 86_400,
    homeserver,
    ...(user !== undefined && { user }),
    bytesToPeer: octets,
    bytesToClient: 0,
    packetsToPeer: 0,
    packetsToClient: 0,
    allocations: 1,
    milliseconds: 3_600_000,
    refusals: 0,
  }
}

/** A report of people, by homeserver, with what each has used. */
function reportOf(people: Readonly<Record<string, readonly number[]>>, costs?: string) {
  const byUser = Object.entries(people).flatMap(([name, all]) =>
    all.map((octets, i) => line(name, octets, `${name}-${i}`)),
  )
  const byDay = byUser.map((row, i) => ({ ...row, start: START + (i % 31) * 86_400 }))
  const read = costs === undefined ? undefined : parseCosts(costs, 'costs.json')
  if (read && !read.ok) throw new ConfigError(read.error)
  const figures = figuresOf(MAY, byDay, byUser, read?.value)
  return { figures, shown: publicFigures(figures, peopleOf(byUser)) }
}

t.test('a month or a quarter is read, and the last one is known', async t => {
  t.same(parseSpan('2026-Q2'), { name: '2026-Q2', months: ['2026-04', '2026-05', '2026-06'] })
  for (const text of ['2026', '2026-13', '2026-Q5', '2026-5', '']) t.equal(parseSpan(text), undefined, text)
  t.equal(lastSpan('month', new Date('2026-01-31T23:00:00Z')).name, '2025-12')
  t.equal(lastSpan('month', new Date('2026-05-31T23:00:00Z')).name, '2026-04')
  t.equal(lastSpan('quarter', new Date('2026-01-31T23:00:00Z')).name, '2025-Q4')
})

t.test(
  'costs, income, energy and the months that are funded are what the file and the use come to',
  async t => {
    const { money } = reportOf(
      { 'example.org': [40 * GB, 60 * GB] },
      JSON.stringify({
        costs: [
          { name: 'Server', monthly: 5 },
          { name: 'Old server', monthly: 50, to: '2026-04' },
          { name: 'Domain', once: 12, month: '2026-05' },
        ],
        income: [{ name: 'Donations', once: 7, month: '2026-05' }],
        electricity: { pricePerKwh: 0.5, supplier: 'Wind & Co', watts: 10, wattsPerMbit: 0.36, share: 0.5 },
        reserve: 61,
      }),
    ).figures
    // 10 W for 744 hours, half of it, and 1,600,000 Mbit on the line at 0.36 J each.
    const kwh = 3.88
    t.same(money?.energy, { kwh, by: ['estimate'], supplier: 'Wind & Co', cost: kwh / 2 })
    t.equal(money?.spent, 17 + kwh / 2)
    t.equal(money?.perGb, (17 + kwh / 2) / 100)
    t.equal(money?.perPerson, (17 + kwh / 2) / 2)
    t.equal(money?.monthsFunded, Math.floor(61 / (10 + kwh / 2)))
    const metered = reportOf(
      {},
      '{"electricity": {"pricePerKwh": 1, "kwh": {"2026-05": 8}, "share": 0.25, "watts": 5}}',
    )
    t.match(
      metered.figures.money?.energy,
      { kwh: 2, by: ['meter'] },
      'a meter takes the place of the estimate',
    )
  },
)

t.test(
  'the page needs nothing from elsewhere, escapes what it is given, and is there in two languages',
  async t => {
    const { figures, shown } = reportOf(
      { '<script>': [GB, GB, GB, GB, GB] },
      '{"costs": [{"name": "<b>", "monthly": 1}]}',
    )
    for (const language of ['en', 'de'] as const) {
      const page = reportPage(figures, false, usageReportWords(language))
      t.match(page, `<html lang="${language}">`)
      t.notMatch(page, /<script|<b>|https?:|src=|url\(|@import/)
      t.match(page, /<rect /)
      t.notMatch(reportPage(shown, true, usageReportWords(language)), /<rect /, 'no days in public')
    }
  },
)

t.test('a figure of fewer than five people is not public, and neither is what gives it away', async t => {
  const alone = reportOf({ small: [GB, GB], large: [9, 8, 7, 6, 5, 4].map(n => n * GB) }).shown
  t.same(alone.homeservers, [], 'the total less the larger one would be the smaller one')
  const three = reportOf({
    small: [GB, GB],
    middle: [2, 2, 2, 2, 2].map(n => n * GB),
    large: [9, 8, 7, 6, 5, 4].map(n => n * GB),
  }).shown
  t.same(
    three.homeservers.map(({ name }) => name),
    ['large'],
  )
  t.equal(reportOf({ a: [GB, GB, GB, GB] }).shown.total.octets, 0)
  t.equal(reportOf({ a: [100 * GB, GB, GB, GB, GB, GB] }).shown.total.octets, 0, 'one has nearly all of it')
})

t.test('people who have used nothing do not hide those who have', async t => {
  t.equal(reportOf({ a: [50 * GB, 50 * GB, 0, 0, 0, 0] }).shown.total.octets, 0)
  const { homeservers } = reportOf({
    a: [50, 40, 30, 0, 0].map(n => n * GB),
    b: [5, 5, 5, 5, 5].map(n => n * GB),
  }).shown
  t.same(homeservers, [])
})

t.test('of two who have nearly all, one does not learn from the sum what the other has', async t => {
  t.equal(reportOf({ a: [50, 49, 1, 1, 1].map(n => n * GB) }).shown.total.octets, 0)
  t.equal(reportOf({ a: [40, 40, 4, 3, 3].map(n => n * GB) }).shown.total.octets, 90 * GB)
})

t.test('one who has most of the hours, or of the sessions, is not given away by them', async t => {
  const shownOf = (one: Partial<ReturnType<typeof line>>, others: readonly string[] = []) => {
    const rows = [...Array(6).keys()].map(i => ({ ...line('a', 10 * GB, `a-${i}`), ...(i === 0 && one) }))
    const more = others.flatMap(name => [...Array(6).keys()].map(i => line(name, 10 * GB, `${name}-${i}`)))
    const all = [...rows, ...more]
    return publicFigures(figuresOf(MAY, all, all, undefined), peopleOf(all))
  }
  t.match(shownOf({}), { total: { octets: 60 * GB, hours: 6, calls: 6 } })
  t.match(shownOf({ milliseconds: 100 * 3_600_000 }), { total: { octets: 60 * GB, hours: 0, calls: 6 } })
  t.match(shownOf({ allocations: 1000 }), { total: { octets: 60 * GB, hours: 6, calls: 0 } })
  const two = shownOf({ milliseconds: 7 * 3_600_000 }, ['b'])
  t.match(two, { total: { octets: 120 * GB, hours: 0 }, homeservers: [{ hours: 0 }, { hours: 0 }] })
  const page = reportPage(two, true, usageReportWords('en'))
  t.equal(page.match(/too few to say/g)?.length, 3, 'and the page does not say none')
})

t.test('neither the electricity nor the price of a gigabyte gives a sum back that was left out', async t => {
  const costs =
    '{"costs": [{"name": "Server", "monthly": 5}], "electricity": {"pricePerKwh": 1, "watts": 1, "wattsPerMbit": 1}}'
  const { money } = reportOf({ a: [100 * GB] }, costs).shown
  t.match(money, { energy: undefined, spent: 5, perGb: undefined, perPerson: undefined })
})

t.test(
  'anyone who knows what all others used learns one person’s use no better than the rounding',
  async t => {
    const amounts = fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 9 })
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), amounts), people => {
        const all = Object.entries(people)
        const { shown } = reportOf(
          Object.fromEntries(all.map(([name, list]) => [name, list.map(n => n * GB)])),
        )
        const sumOf = (name: string) => (people[name] ?? []).reduce((sum, n) => sum + n, 0)
        const named = new Set(shown.homeservers.map(({ name }) => name))
        const isSafe = (list: readonly number[]) => {
          const [first = 0, second = 0, ...others] = list.filter(n => n > 0).sort((a, b) => b - a)
          const rest = others.reduce((sum, n) => sum + n, 0)
          return others.length >= 3 && first <= second + rest && rest * 4 >= first
        }
        for (const { name, octets } of shown.homeservers) {
          if (!isSafe(people[name]!)) throw new Error(`${name} is shown`)
          const digits = String(octets / GB).replace(/0+$/, '')
          if (digits.length > 2) throw new Error(`${octets} has more than two digits`)
          if (Math.abs(octets / GB - sumOf(name)) > sumOf(name) * 0.05 + 0.5)
            throw new Error(`${octets} is not ${sumOf(name)}`)
        }
        // What the total leaves over is of several as well.
        const rest = all.filter(([name]) => !named.has(name)).flatMap(([, list]) => list)
        if (named.size > 0 && rest.length > 0 && !isSafe(rest)) throw new Error(`the rest is of ${rest}`)
      }),
      { numRuns: 500 },
    )
    t.pass('no counterexample')
  },
)

t.test('users of the configuration are not taken for the total of a table', async t => {
  const lines = reportCsv(reportOf({ '': [GB], 'example.org': [2 * GB] }).figures).split('\r\n')
  t.ok(lines.includes(`total,,bytes,${3 * GB}`))
  t.ok(lines.includes(`homeserver,,bytes,${GB}`))
})
