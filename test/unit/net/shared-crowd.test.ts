import { randomBytes } from 'node:crypto'
import t from 'tap'
import { parseIp } from '../../../src/base/address.ts'
import { CROWD_SEED, SharedCrowd } from '../../../src/net/stream/shared-crowd.ts'

const one = parseIp('192.0.2.1')!
const other = parseIp('192.0.2.2')!

t.test('connections to all threads count together, in all and by address', async t => {
  const [a, b] = start(4, 3)

  t.same([a!.enter(one), b!.enter(one), a!.enter(one)], ['in', 'in', 'in'])
  t.not(b!.enter(one), 'in', 'an address has its share')
  t.equal(b!.enter(other), 'in')
  t.not(a!.enter(parseIp('192.0.2.3')!), 'in', 'and all have theirs')
  b!.leave(one)
  t.equal(a!.enter(one), 'in')
})

t.test('S-04: an IPv6 customer is a /56, whichever thread its connections are with', async t => {
  const [a, b] = start(100, 1)

  t.equal(a!.enter(parseIp('2001:db8::1')!), 'in')
  t.not(b!.enter(parseIp('2001:db8:0:ff::2')!), 'in')
  t.equal(b!.enter(parseIp('2001:db8:0:100::1')!), 'in')
})

t.test('who is refused is not counted', async t => {
  const [a] = start(10, 1)
  a!.enter(one)
  for (let i = 0; i < 20; i++) a!.enter(one)

  a!.leave(one)

  t.equal(a!.enter(one), 'in')
  t.equal(a!.enter(other), 'in')
})

t.test('what a thread held goes with it', async t => {
  const [a, b, memory] = start(2, 2)
  a!.enter(one)
  b!.enter(one)

  SharedCrowd.clear(memory, 0)

  t.equal(b!.enter(one), 'in')
  t.not(b!.enter(one), 'in')
})

t.test('new limits are for those who come', async t => {
  const [a] = start(10, 1)
  a!.enter(one)

  a!.limit(10, 2)

  t.equal(a!.enter(one), 'in')
  t.not(a!.enter(one), 'in')
})

t.test('thousands of strangers get in each other’s way hardly ever', async t => {
  const [a] = start(100_000, 8)
  let refused = 0
  for (let i = 0; i < 5000; i++) {
    if (a!.enter(Uint8Array.from([100 + (i & 63), (i >> 6) & 255, i >> 14, 1])) !== 'in') refused++
  }
  t.ok(refused <= 2, `${refused} of 5000`)
})

t.test(
  'S-04: a network has four times what a customer has, whichever thread its connections are with',
  async t => {
    const [a, b] = start(100, 1)
    const from = (n: number) => parseIp(`2001:db8:0:${n}00::1`)!

    t.same(
      [a!.enter(from(1)), b!.enter(from(2)), a!.enter(from(3)), b!.enter(from(4)), a!.enter(from(5))],
      ['in', 'in', 'in', 'in', 'network-full'],
    )
    t.equal(a!.enter(parseIp('2001:db8:1::1')!), 'in')
  },
)

function start(most: number, mostEach: number): [SharedCrowd, SharedCrowd, SharedArrayBuffer] {
  const memory = new SharedArrayBuffer(SharedCrowd.octets(2))
  const seed = randomBytes(CROWD_SEED)
  const crowd = (own: number) => new SharedCrowd(memory, own, seed, most, mostEach)
  return [crowd(0), crowd(1), memory]
}
