import t from 'tap'
import { judgeHealth } from '../../../src/health/judge.ts'
import type { Vitals } from '../../../src/health/vitals.ts'
import { healthText, healthWords } from '../../../src/health/words.ts'
import { readDescriptors } from '../../../src/operate/readiness.ts'

const GONE = { key: 'waiting.gone', values: { ip: '192.0.2.5' } } as const

const NOTHING = {
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
  seconds: 60,
}
const well: Vitals = {
  now: 1000,
  state: 'serving',
  waiting: [],
  unmapped: undefined,
  workers: { running: 1, missing: 0 },
  shares: [],
  isShortOfMemory: false,
  certificateExpires: 2000,
  certificateWaiting: undefined,
  lastReload: { ok: true, at: 0 },
  onlyPrivate: false,
  addressChange: undefined,
  increase: () => NOTHING,
  budgets: [],
  opened: 1,
}
const words = healthWords('en', 'UTC')
const notReady = (over: Partial<Vitals>) =>
  judgeHealth({ ...well, ...over })
    .findings.filter(({ turnsAway }) => turnsAway)
    .map(finding => healthText(finding, words))

t.test('a relay with room is ready, whatever else is worth knowing [OPS-20]', async t => {
  t.same(notReady({}), [])
  t.same(notReady({ onlyPrivate: true, certificateExpires: undefined }), [])
  t.same(notReady({ shares: [{ what: 'ports', used: 90, limit: 100 }] }), [])
})

for (const [what, change, word] of [
  ['before the listeners are bound', { state: 'starting' }, 'listeners'],
  ['while draining', { state: 'draining' }, 'draining'],
  ['when a relay address has gone', { waiting: [GONE] }, '192.0.2.5'],
  ['while a worker is missing', { workers: { running: 1, missing: 1 } }, 'worker'],
  ['when the ports run out', { shares: [{ what: 'ports', used: 96, limit: 100 }] }, 'ports'],
  ['when the sessions run out', { shares: [{ what: 'sessions', used: 96, limit: 100 }] }, 'allocations'],
  [
    'when the descriptors run out',
    { shares: [{ what: 'descriptors', used: 922, limit: 1024 }] },
    'descriptors',
  ],
  ['when memory runs out (S-02)', { isShortOfMemory: true }, 'Memory is nearly full'],
  ['once the certificate has expired', { certificateExpires: 1000 }, 'certificate'],
] as const) {
  t.test(`it is not ready ${what}, and says so [OPS-20]`, async t => {
    const reasons = notReady(change)

    t.equal(reasons.length, 1)
    t.match(reasons[0], word)
  })
}

t.test('several reasons are all said', async t => {
  t.equal(notReady({ state: 'draining', waiting: [GONE] }).length, 2)
})

t.test(
  'on Linux the descriptors of this process are counted',
  { skip: process.platform !== 'linux' && 'needs /proc' },
  async t => {
    const descriptors = readDescriptors()

    t.ok(descriptors && descriptors.open > 2 && descriptors.limit >= descriptors.open)
  },
)
