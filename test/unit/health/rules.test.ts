import t from 'tap'
import { judgeHealth } from '../../../src/health/judge.ts'
import { RecentCounts } from '../../../src/health/recent-counts.ts'
import { RULES } from '../../../src/health/rules.ts'
import type { Counts, Vitals } from '../../../src/health/vitals.ts'
import { healthText, healthWords } from '../../../src/health/words.ts'
import { alertRules } from '../../support/dashboard.ts'

const GONE = { key: 'waiting.gone', values: { ip: '192.0.2.5' } } as const

const DAY = 86_400_000
const NOW = Date.UTC(2030, 4, 14, 9, 30)
const NOTHING: Counts = {
  wrongSecret: 0,
  expired: 0,
  unknownUser: 0,
  noCapacity: 0,
  opened: 0,
  unverified: 0,
  overRate: 0,
  notSent: 0,
  relayedPackets: 0,
  faults: 0,
  cpuSeconds: 0,
  lateTicks: 0,
}
const words = { en: healthWords('en', 'UTC'), de: healthWords('de', 'UTC') }

/** A relay that is well but for `over`, and that has counted `counts` in the last minute. */
function vitals(over: Partial<Vitals> = {}, counts: Partial<Counts> = {}): Vitals {
  const recent = new RecentCounts(0, NOTHING)
  for (let second = 1; second <= 60; second++) recent.add(second * 1000, { ...NOTHING, ...counts })
  return {
    now: NOW,
    state: 'serving',
    waiting: [],
    unmapped: undefined,
    workers: { running: 2, missing: 0 },
    shares: [{ what: 'descriptors', used: 10, limit: 1000 }],
    certificateExpires: NOW + 60 * DAY,
    certificateWaiting: undefined,
    lastReload: { ok: true, at: NOW - DAY },
    isShortOfMemory: false,
    onlyPrivate: false,
    addressChange: undefined,
    increase: minutes => recent.increase(minutes),
    opened: 5,
    budgets: [],
    ...over,
  }
}

const found = (over: Partial<Vitals>, counts: Partial<Counts> = {}) =>
  judgeHealth(vitals(over, counts)).findings.map(({ id, level }) => `${level} ${id}`)

t.test('U-02: a relay that is well has no findings, and says how much was checked', async t => {
  t.same(judgeHealth(vitals()), { findings: [], checked: RULES.length, unchecked: [] })
})

t.test('U-02: what could not be looked at is not called good', async t => {
  const { checked, unchecked } = judgeHealth(vitals({ shares: [], opened: 0 }))

  t.same(unchecked, ['descriptors', 'sign-in'])
  t.equal(checked, RULES.length - 1)
})

const SIGNS: readonly (readonly [string, Partial<Vitals>, Partial<Counts>, readonly string[]])[] = [
  ['42 wrong secrets in a minute', {}, { wrongSecret: 42 }, ['bad wrong-secret']],
  ['some wrong secrets among many that are right', {}, { wrongSecret: 42, opened: 400 }, []],
  ['ten wrong secrets', {}, { wrongSecret: 10 }, []],
  ['14 expired credentials in a minute', {}, { expired: 14 }, ['warn expired']],
  ['users that nobody knows', {}, { unknownUser: 11 }, ['bad unknown-user']],
  ['requests for which there was no room', {}, { noCapacity: 11, opened: 900 }, ['bad no-capacity']],
  ['a bit rate limit that drops 11 %', {}, { overRate: 110, relayedPackets: 890 }, ['warn over-rate']],
  ['a bit rate limit that drops one in a thousand', {}, { overRate: 100, relayedPackets: 99_900 }, []],
  ['a few dropped packets of a short call', {}, { overRate: 9, relayedPackets: 100 }, []],
  ['packets that cannot be sent', {}, { notSent: 60, relayedPackets: 940 }, ['warn not-sent']],
  ['a flood', {}, { unverified: 51 * 60 }, ['warn flood']],
  ['a fault of the program', {}, { faults: 1 }, ['warn faults']],
  ['threads that are busy', {}, { cpuSeconds: 104 }, ['warn cpu']],
  ['ticks that are late', {}, { lateTicks: 4 }, ['warn event-loop']],
  ['no TLS', { certificateExpires: undefined }, {}, ['warn no-tls']],
  [
    'a budget of a group of which a tenth is left',
    { budgets: [left('group', 90)] },
    {},
    ['warn budget-month'],
  ],
  [
    'a budget of a homeserver that is used up',
    { budgets: [left('homeserver', 101)] },
    {},
    ['bad budget-month'],
  ],
  [
    'a budget for everybody that is used up',
    { budgets: [left('everybody', 100)] },
    {},
    ['bad budget-all-month'],
  ],
  ['a user who has used up the budget', { budgets: [left('user', 100)] }, {}, ['warn budget-users']],
  ['a user who has a tenth of it left', { budgets: [left('user', 90)] }, {}, []],
  ['memory that is nearly full (S-02)', { isShortOfMemory: true }, {}, ['bad memory']],
  ['only private addresses', { onlyPrivate: true }, {}, ['warn only-private']],
  [
    'an address that changed half an hour ago',
    { addressChange: { at: NOW - DAY / 48, from: '192.0.2.1', to: '192.0.2.2' } },
    {},
    ['warn address-changed'],
  ],
  [
    'an address that changed yesterday',
    { addressChange: { at: NOW - DAY, from: '192.0.2.1', to: '192.0.2.2' } },
    {},
    [],
  ],
  ['a certificate with fifteen days left', { certificateExpires: NOW + 15 * DAY }, {}, []],
  ['one with ten', { certificateExpires: NOW + 10 * DAY }, {}, ['warn certificate']],
  ['one with two', { certificateExpires: NOW + 2 * DAY }, {}, ['bad certificate']],
  ['one that has expired', { certificateExpires: NOW }, {}, ['bad certificate-expired']],
  ['a reload that failed', { lastReload: { ok: false, at: NOW } }, {}, ['warn reload']],
  ['missing workers', { workers: { running: 1, missing: 1 } }, {}, ['bad workers']],
  ['a drain', { state: 'draining' }, {}, ['warn draining']],
  ['ports at 79 %', { shares: [share('ports', 79)] }, {}, []],
  ['ports at 80 %', { shares: [share('ports', 80)] }, {}, ['warn ports']],
  ['ports at 95 %', { shares: [share('ports', 95)] }, {}, ['bad ports']],
  ['connections at 96 %', { shares: [share('connections', 96)] }, {}, ['bad connections']],
  ['no limit at all', { shares: [{ what: 'sessions', used: 0, limit: 0 }] }, {}, []],
  [
    'one homeserver of two',
    {
      shares: [
        { ...share('homeserver-sessions', 90), name: 'a' },
        { ...share('homeserver-sessions', 9), name: 'b' },
      ],
    },
    {},
    ['warn homeserver-sessions'],
  ],
]

for (const [what, over, counts, expected] of SIGNS)
  t.test(`U-02: ${what}`, async t => {
    t.same(found(over, counts), expected)
  })

t.test('U-02: what costs calls now comes first', async t => {
  t.same(found({ certificateExpires: undefined, onlyPrivate: true, waiting: [GONE] }), [
    'bad address-missing',
    'warn no-tls',
    'warn only-private',
  ])
})

t.test('an increase is of the last minutes only, and forgets what is older', async t => {
  const recent = new RecentCounts(0, NOTHING)
  for (let second = 1; second <= 3600; second++)
    recent.add(second * 1000, { ...NOTHING, opened: second < 1800 ? second : 1800 })

  t.equal(recent.increase(10).opened, 0)
  t.equal(recent.increase(15).seconds, 900)
  recent.add(3601_000, { ...NOTHING, opened: 1807 })
  t.equal(recent.increase(5).opened, 7)
})

t.test('U-02: every rule has a sentence in both languages, with everything filled in', async t => {
  const seen = new Set<string>()
  for (const [, over, counts] of SIGNS)
    for (const finding of judgeHealth(vitals(over, counts)).findings) {
      seen.add(finding.id)
      for (const of of [words.en, words.de]) {
        const text = healthText({ ...finding, text: 'unknown to the catalogue' }, of)
        t.notMatch(text, /[{}]|unknown to the catalogue/, finding.id)
      }
    }
  for (const { id } of RULES) t.ok(words.en.knows(id) || words.en.knows(`${id}.other`), id)
  t.ok(seen.size > 20)
})

t.test('a finding of a newer relay keeps its English sentence', async t => {
  t.equal(healthText({ id: 'of-tomorrow', text: 'Something new.' }, words.de), 'Something new.')
})

t.test('U-02: every alert is a rule of the relay, and compares with the same figures', async t => {
  const byName = new Map(alertRules().map(({ alert, expr }) => [alert, expr]))
  const covered = new Set<string>()
  for (const { id, alerts, compares = [] } of RULES) {
    if ('none' in alerts) {
      t.ok(alerts.none.length > 10, `${id} says why it has no alert`)
      continue
    }
    const expressions = alerts.map(alert => {
      covered.add(alert)
      return byName.get(alert) ?? t.fail(`${id}: there is no alert ${alert}`)
    })
    for (const compare of compares)
      t.ok(
        expressions.some(expr => String(expr).includes(compare)),
        `${id}: ${compare}`,
      )
  }
  // A relay that does not answer cannot say so itself.
  t.same(
    [...byName.keys()].filter(alert => !covered.has(alert)),
    ['TaciturnDown'],
  )
})

function left(kind: 'everybody' | 'homeserver' | 'group' | 'user', used: number) {
  const named = kind === 'homeserver' || kind === 'group'
  return { of: { kind, ...(named && { name: 'family' }) }, span: 'month' as const, used, limit: 100 }
}

function share(what: 'ports' | 'connections' | 'homeserver-sessions', used: number) {
  return { what, used, limit: 100 } as const
}

t.test('U-21: an address that new calls wait for is named in the language of who reads it', async t => {
  const [finding] = RULES.find(({ id }) => id === 'address-missing')!.look({
    waiting: [GONE],
  } as unknown as Vitals)
  const said = { id: 'address-missing', values: finding!.values! }
  t.equal(
    healthText(said, healthWords('en')),
    'A relay address is missing: this machine no longer has the relay address 192.0.2.5.',
  )
  t.match(healthText(said, healthWords('de')), 'dieser Rechner hat die Relay-Adresse 192.0.2.5 nicht mehr')
  const older = { id: 'address-missing', values: { why: 'a sentence of an older relay' } }
  t.match(healthText(older, healthWords('de')), 'a sentence of an older relay')
})

t.test('a relay whose ports the router does not map is not ready, and says what to do', async t => {
  const unmapped = { key: 'mapping.silent', values: { router: '192.168.1.1' } } as const

  t.same(found({ unmapped }), ['bad ports-unmapped'])
  const [finding] = judgeHealth(vitals({ unmapped })).findings
  t.ok(finding!.turnsAway)
  t.match(healthText(finding!, words.en), /192\.168\.1\.1 does not answer requests .* permit them/)
  t.match(healthText(finding!, words.de), /192\.168\.1\.1 antwortet nicht/)
})

t.test(
  'a certificate that ACME should have brought is awaited: bad without any, a warning beside an old one',
  async t => {
    const certificateWaiting = {
      key: 'acme.connection',
      values: { authority: 'ca.test', name: 'turn.test', port: 80, detail: 'refused' },
    } as const

    t.same(found({ certificateExpires: undefined, certificateWaiting }), ['bad certificate-awaited'])
    t.same(found({ certificateWaiting }), ['warn certificate-awaited'])
    const [finding] = judgeHealth(vitals({ certificateWaiting })).findings
    t.match(
      healthText(finding!, words.en),
      /ca\.test cannot connect to turn\.test on TCP port 80 \(refused\): open/,
    )
    t.match(healthText(finding!, words.de), /ca\.test kann turn\.test auf TCP-Port 80 nicht erreichen/)
  },
)
