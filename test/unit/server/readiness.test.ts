import t from 'tap'
import { notReady, readDescriptors, type Vitals } from '../../../src/operate/readiness.ts'

const well: Vitals = {
  listening: true,
  draining: false,
  waiting: [],
  missing: 0,
  ports: { used: 10, total: 100 },
  allocations: { held: 10, limit: 100 },
  descriptors: { open: 30, limit: 1024 },
  certificateExpires: 2000,
  now: 1000,
}

t.test('a relay with room is ready [OPS-20]', async t => {
  t.same(notReady(well), [])
})

for (const [what, change, word] of [
  ['before the listeners are bound', { listening: false }, 'listeners'],
  ['while draining', { draining: true }, 'draining'],
  [
    'when a relay address has gone',
    { waiting: ['this machine no longer has the relay address 192.0.2.5'] },
    '192.0.2.5',
  ],
  ['when the ports run out', { ports: { used: 96, total: 100 } }, 'ports'],
  ['when the allocations run out', { allocations: { held: 96, limit: 100 } }, 'allocations'],
  ['when the descriptors run out', { descriptors: { open: 922, limit: 1024 } }, 'descriptors'],
  ['once the certificate has expired', { certificateExpires: 1000 }, 'certificate'],
] as const) {
  t.test(`it is not ready ${what}, and says so [OPS-20]`, async t => {
    const reasons = notReady({ ...well, ...change })

    t.equal(reasons.length, 1)
    t.match(reasons[0], word)
  })
}

t.test('several reasons are all said', async t => {
  t.equal(notReady({ ...well, draining: true, listening: false }).length, 2)
})

t.test('a system that does not count descriptors is no reason', async t => {
  t.same(notReady({ ...well, descriptors: undefined, certificateExpires: undefined }), [])
})

t.test(
  'on Linux the descriptors of this process are counted',
  { skip: process.platform !== 'linux' && 'needs /proc' },
  async t => {
    const descriptors = readDescriptors()

    t.ok(descriptors && descriptors.open > 2 && descriptors.limit >= descriptors.open)
  },
)
