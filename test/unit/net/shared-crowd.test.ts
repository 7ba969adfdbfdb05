import { randomBytes } from 'node:crypto'
import t from 'tap'
import { parseIp } from '../../../src/base/address.ts'
import { CROWD_SEED, SharedCrowd } from '../../../src/net/stream/shared-crowd.ts'

const one = parseIp('192.0.2.1')!
const other = parseIp('192.0.2.2')!

t.test('connections to all threads count together, in all and by address', async t => {
  const [a, b] = start(4, 3)

  t.same([a!.enter(one), b!.enter(one), a!.enter(one)], [true, true, true])
  t.notOk(b!.enter(one), 'an address has its share')
  t.ok(b!.enter(other))
  t.notOk(a!.enter(parseIp('192.0.2.3')!), 'and all have theirs')
  b!.leave(one)
  t.ok(a!.enter(one))
})

t.test('an IPv6 client is its /64', async t => {
  const [a, b] = start(100, 1)

  t.ok(a!.enter(parseIp('2001:db8::1')!))
  t.notOk(b!.enter(parseIp('2001:db8::2')!))
  t.ok(b!.enter(parseIp('2001:db8:0:1::1')!))
})

t.test('who is refused is not counted', async t => {
  const [a] = start(10, 1)
  a!.enter(one)
  for (let i = 0; i < 20; i++) a!.enter(one)

  a!.leave(one)

  t.ok(a!.enter(one))
  t.ok(a!.enter(other))
})

t.test('what a thread held goes with it', async t => {
  const [a, b, memory] = start(2, 2)
  a!.enter(one)
  b!.enter(one)

  SharedCrowd.clear(memory, 0)

  t.ok(b!.enter(one))
  t.notOk(b!.enter(one))
})

t.test('new limits are for those who come', async t => {
  const [a] = start(10, 1)
  a!.enter(one)

  a!.limit(10, 2)

  t.ok(a!.enter(one))
  t.notOk(a!.enter(one))
})

t.test('thousands of strangers get in each other’s way hardly ever', async t => {
  const [a] = start(100_000, 8)
  let refused = 0
  for (let i = 0; i < 5000; i++) {
    if (!a!.enter(Uint8Array.from([100, 64 + (i >> 16), (i >> 8) & 255, i & 255]))) refused++
  }
  t.ok(refused <= 2, `${refused} of 5000`)
})

function start(most: number, mostEach: number): [SharedCrowd, SharedCrowd, SharedArrayBuffer] {
  const memory = new SharedArrayBuffer(SharedCrowd.octets(2))
  const seed = randomBytes(CROWD_SEED)
  const crowd = (own: number) => new SharedCrowd(memory, own, seed, most, mostEach)
  return [crowd(0), crowd(1), memory]
}
