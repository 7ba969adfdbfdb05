import t from 'tap'
import { formatAddress, parseAddress, parseIp } from '../../../src/base/address.ts'
import { PortDirectory } from '../../../src/net/ports/port-directory.ts'
import { PortPool } from '../../../src/net/ports/port-pool.ts'

const nat = { family: 4, local: parseIp('10.0.0.5')!, public: parseIp('203.0.113.7')! } as const
const six = { family: 6, local: parseIp('2001:db8::5')!, public: parseIp('2001:db8::5')! } as const
const ports = { from: 50_000, to: 50_009 }
const at = (text: string) => parseAddress(text)!

t.test('a port that one shard holds is known to the others, by both its addresses', async t => {
  const { pools, one, two } = start()
  pools[0]!.take(50_003)

  const wire = two.wire(at('203.0.113.7:50003'))
  const relayed = two.relayed(at('10.0.0.5:50003'))

  t.equal(wire && formatAddress(wire), '10.0.0.5:50003')
  t.equal(relayed && formatAddress(relayed), '203.0.113.7:50003')
  t.equal(one.wire(at('203.0.113.7:50003')), undefined, 'not to itself')
  t.equal(one.relayed(at('10.0.0.5:50003')), undefined)
})

t.test('nothing else is known', async t => {
  const { pools, two } = start()
  pools[0]!.take(50_003)
  pools[0]!.take(50_004)
  pools[0]!.free(50_004)

  for (const text of [
    '203.0.113.7:50004',
    '203.0.113.7:49999',
    '203.0.113.7:50010',
    '203.0.113.8:50003',
    '10.0.0.5:50003',
    '[2001:db8::5]:50003',
  ]) {
    t.equal(two.wire(at(text)), undefined, text)
  }
  t.equal(two.relayed(at('203.0.113.7:50003')), undefined)
})

t.test('of two shards that want a port one gets it, and the other leaves it alone', async t => {
  const { pools } = start()

  t.ok(pools[0]!.take(50_003))
  t.notOk(pools[1]!.take(50_003))
  t.ok(pools[1]!.has(50_003))
  t.ok(pools[2]!.take(50_003), 'another address has ports of its own')
})

t.test('what a shard held is forgotten when it is gone, and nothing else', async t => {
  const { directory, pools, one, two } = start()
  pools[0]!.take(50_003)
  pools[1]!.take(50_004)

  directory.clear(1)

  t.equal(two.wire(at('203.0.113.7:50003')), undefined)
  t.ok(one.wire(at('203.0.113.7:50004')))
})

t.test('P-08: a parked port is taken, but no call of anybody until a shard adopts it', async t => {
  const { directory, pools, one, two } = start()
  pools[0]!.take(50_003)
  pools[0]!.park(50_003)

  t.ok(pools[1]!.has(50_003))
  t.equal(two.wire(at('203.0.113.7:50003')), undefined)
  directory.clear(1)
  t.ok(pools[1]!.has(50_003), 'although the one that parked it is gone')

  pools[1]!.adopt(50_003)
  t.ok(one.wire(at('203.0.113.7:50003')))
  directory.unpark(at('10.0.0.5:50003'))
  t.ok(pools[0]!.has(50_003), 'it is parked no longer')

  pools[0]!.take(50_004)
  pools[0]!.park(50_004)
  directory.unpark(at('10.0.0.5:50004'))
  t.notOk(pools[1]!.has(50_004), 'nobody has come for it')
})

t.test('P-08: a parked port of another process is taken, too, where there is such a port', async t => {
  const { directory, pools, two } = start()
  for (const text of ['10.0.0.5:50003', '10.0.0.5:49999', '10.0.0.9:50003']) directory.park(at(text))

  t.ok(pools[0]!.has(50_003))
  t.equal(two.wire(at('203.0.113.7:50003')), undefined)
  t.notOk(pools[2]!.has(50_003), 'of another address')
  directory.unpark(at('10.0.0.5:50003'))
  t.notOk(pools[0]!.has(50_003))
})

t.test('P-08: a port parked at an address that is gone does not keep its place', async t => {
  const { directory } = start()
  const later = Array.from({ length: 9 }, (_, i) => {
    const ip = parseIp(`10.0.1.${i + 1}`)!
    return { family: 4, local: ip, public: ip } as const
  })
  directory.place([nat, six, ...later.slice(0, 8)])
  new PortPool(nat, ports, { octets: directory.of(nat), own: 1 }).park(50_003)

  directory.place([six, ...later])

  t.ok(directory.places.some(one => one?.local === later[8]!.local))
  t.notOk(new PortPool(later[8]!, ports, { octets: directory.of(later[8]!), own: 1 }).has(50_003))
})

function start() {
  const directory = new PortDirectory([nat, six], ports)
  // As another thread opens it.
  const again = new PortDirectory([nat, six], ports, directory.memory)
  const pool = (relay: typeof nat | typeof six, own: number) =>
    new PortPool(relay, ports, { octets: directory.of(relay), own })
  return {
    directory,
    pools: [pool(nat, 1), pool(nat, 2), pool(six, 1)],
    one: directory.siblings(1),
    two: again.siblings(2),
  }
}

t.test('whoever takes the place of a shard keeps the ports that it has, and no others', async t => {
  const { directory, pools, two } = start()
  pools[0]!.take(50_003)
  pools[0]!.take(50_004)
  pools[1]!.take(50_005)

  directory.retain(1, new Set([at('10.0.0.5:50003').key]))

  t.ok(two.wire(at('203.0.113.7:50003')))
  t.equal(two.wire(at('203.0.113.7:50004')), undefined)
  t.ok(pools[0]!.has(50_005), 'which is another shard’s')
})
