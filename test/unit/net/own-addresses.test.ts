import { execFileSync } from 'node:child_process'
import t from 'tap'
import { parseIp } from '../../../src/base/address.ts'
import { LocalTables, listed4, listed6 } from '../../../src/net/kernel/local-tables.ts'
import { defaultDevice4, defaultDevice6, type OwnAddresses } from '../../../src/net/kernel/machine.ts'
import { KernelRoutes, openOwnAddresses } from '../../../src/net/kernel/own-addresses.ts'
import { eventually } from '../../support/lifecycle.ts'
import { enterNamespace, needNamespaces } from '../../support/namespaces.ts'

const inside = await enterNamespace(import.meta.url)
const needed: { skip: string | false } = inside ? { skip: false } : needNamespaces()

const PORTS = { from: 20_000, to: 21_000 }

/** What the kernel delivers here, by the command that made it so and the one that undoes it. */
const CASES = [
  ['an address', 'address add 203.0.113.9/32 dev lo', 'address del 203.0.113.9/32 dev lo', '203.0.113.9'],
  ['a local route', 'route add local 13.0.0.0/24 dev lo', 'route del local 13.0.0.0/24 dev lo', '13.0.0.7'],
  [
    'an IPv6 address',
    '-6 address add 2a00:9::7/128 dev lo nodad',
    '-6 address del 2a00:9::7/128 dev lo',
    '2a00:9::7',
  ],
  [
    'a local IPv6 route',
    '-6 route add local 2a00:1::/48 dev lo',
    '-6 route del local 2a00:1::/48 dev lo',
    '2a00:1::99',
  ],
  [
    'a local route in the main table',
    'route add local 14.0.0.0/24 dev lo table main',
    'route del local 14.0.0.0/24 dev lo table main',
    '14.0.0.7',
  ],
] as const

for (const [source, open] of [
  ['netlink', (changed: () => void): OwnAddresses | undefined => KernelRoutes.open(changed)],
  ['/proc', (changed: () => void): OwnAddresses | undefined => new LocalTables(changed)],
] as const) {
  t.test(
    `S-03: ${source} says what has become this machine's own, and what no longer is`,
    needed,
    async t => {
      const own = open(() => {})
      if (!own) return
      t.teardown(() => own.stop())
      const has = (text: string) => own.has(parseIp(text)!)

      for (const [name, add, remove, ip] of CASES) {
        t.equal(has(ip), false, `${name}: before`)
        run(add)
        await pause(source)
        // What the kernel has not done yet, such as the routes of an IPv6 address, it does in a moment.
        t.ok(await eventually(() => has(ip)), `${name}: there`)
        run(remove)
        await pause(source)
        t.ok(await eventually(() => !has(ip)), `${name}: gone`)
      }
      t.same(['127.0.0.1', '127.99.1.2', '::1'].map(has), [true, true, true])
      t.same(['9.9.9.9', '2a00::1', '0.0.0.1'].map(has), [false, false, false])
    },
  )

  t.test(`S-03: ${source} knows subnet-router anycast`, needed, async t => {
    run('link add one type veth peer name two')
    run('link set one up')
    run('link set two up')
    execFileSync('sh', ['-c', 'echo 1 > /proc/sys/net/ipv6/conf/all/forwarding'])
    run('-6 address add 2a00:9:9::1/64 dev one nodad')
    t.teardown(() => run('link del one'))
    const own = open(() => {})
    if (!own) return
    t.teardown(() => own.stop())

    // The kernel gives the address its routes once the link is ready.
    t.ok(await eventually(() => own.has(parseIp('2a00:9:9::')!)))
    t.equal(own.has(parseIp('2a00:9:9::2')!), false)
  })

  t.test(`S-03: ${source} knows what a rule delivers here of what the relay sends`, needed, async t => {
    for (const rule of [
      'address add 192.0.2.77/32 dev lo',
      '-6 address add 2a00:77::1/128 dev lo nodad',
      'route add local 17.0.0.0/24 dev lo table 101',
      'route add local 18.0.0.0/24 dev lo table 102',
      '-6 route add local 2a00:17::/32 dev lo table 103',
      'rule add from 192.0.2.77 lookup 101',
      'rule add ipproto udp lookup 102',
      '-6 rule add from 2a00:77::1 lookup 103',
    ]) {
      run(rule)
      const undone = rule.replace(' add ', ' del ').replace(' nodad', '')
      t.teardown(() => run(undone))
    }
    const own = open(() => {})
    if (!own) return
    t.teardown(() => own.stop())
    const has = (text: string) => own.has(parseIp(text)!)
    own.sendFrom([parseIp('192.0.2.77')!, parseIp('2a00:77::1')!], PORTS)

    t.ok(await eventually(() => has('2a00:17::9')), 'by an IPv6 rule for the source')
    t.same(['17.0.0.9', '18.0.0.9'].map(has), [true, true])
    t.same(['9.9.9.9', '2a00:18::1'].map(has), [false, false], 'and nothing else')
  })

  t.test(`S-03: ${source} tells that something has changed without being asked`, needed, async t => {
    const own: OwnAddresses[] = []
    t.teardown(() => own.map(one => one.stop()))
    await new Promise<void>(resolve => {
      const made = open(resolve)
      if (!made) return resolve()
      own.push(made)
      run('address add 203.0.113.10/32 dev lo')
      t.teardown(() => run('address del 203.0.113.10/32 dev lo'))
      // A watch does not keep the process alive; the test does.
      const alive = setInterval(() => {}, 1000)
      t.teardown(() => clearInterval(alive))
    })
    t.ok(own.every(one => one.has(parseIp('203.0.113.10')!)))
  })
}

/** A rule, and at which port of which address a datagram of the relay comes back to this machine by it. */
const RULES = [
  ['the port of the peer', 'dport 53', 53],
  ['a range of ports of the peer', 'dport 50-60', 53],
  ['all ports of the peer but some', 'not dport 1-52', 53],
  ['a port of the relay', 'sport 20500', 53],
  ['a range of ports that holds all of the relay', 'sport 1-65534', 53],
  ['ports that are none of the relay, turned round', 'not sport 53', 53],
  ['the protocol', 'ipproto udp', 53],
  ['the protocol and both ports', 'ipproto udp sport 20999-21000 dport 53', 53],
  ['the user', 'uidrange 0-65535', 53],
  ['where it comes from', 'iif lo', 53],
  ['the type of service', 'tos 0x10', 53],
  ['type of service and port', 'tos 0x08 dport 53', 53],
  ['a mark that there is not, turned round', 'not fwmark 7', 53],
] as const

for (const [name, selector, port] of RULES) {
  t.test(`S-03: what a rule by ${name} delivers here is this machine's own`, needed, async t => {
    for (const [family, ip] of [
      ['-4', '19.0.0.9'],
      ['-6', '2a00:19::9'],
    ] as const) {
      const own = KernelRoutes.open(() => {})
      if (!own) return
      t.teardown(() => own.stop())
      own.sendFrom([], PORTS)
      const has = (to: number) => own.has(parseIp(ip)!, to)
      run(`${family} route add local default dev lo table 104`)
      t.teardown(() => run(`${family} route del local default dev lo table 104`))
      t.equal(has(port), false, `${family}: before`)
      run(`${family} rule add ${selector} lookup 104`)
      t.equal(has(port), true, `${family}: there`)
      if (selector.includes('dport')) t.equal(has(20), false, `${family}: at another port`)
      run(`${family} rule del ${selector} lookup 104`)
      t.equal(has(port), false, `${family}: gone`)
    }
  })
}

t.test('S-03: a route for one type of service counts', needed, async t => {
  const own = KernelRoutes.open(() => {})
  if (!own) return
  t.teardown(() => own.stop())
  run('route add local 21.0.0.0/24 tos 0x10 dev lo')
  t.teardown(() => run('route del local 21.0.0.0/24 tos 0x10 dev lo'))

  t.same(
    ['21.0.0.9', '21.0.1.9'].map(ip => own.has(parseIp(ip)!)),
    [true, false],
  )
})

t.test(
  'S-03: what a rule by a mark delivers here is, but not what transparent proxies catch',
  needed,
  async t => {
    const own = KernelRoutes.open(() => {})
    if (!own) return
    t.teardown(() => own.stop())
    for (const words of [
      'route add local 22.0.0.0/24 dev lo table 105',
      'route add local default dev lo table 105',
      '-6 route add local 2a00:22::/32 dev lo table 105',
      'rule add fwmark 7 lookup 105',
      '-6 rule add fwmark 7 lookup 105',
    ]) {
      run(words)
      t.teardown(() => run(words.replace(' add ', ' del ')))
    }
    const has = (ip: string) => own.has(parseIp(ip)!)

    t.ok(await eventually(() => has('22.0.0.9') && has('2a00:22::9')))
    t.same(['22.0.1.9', '2a00:23::9'].map(has), [false, false])
  },
)

t.test('S-03: more rules than are read for each address are judged by all tables', needed, async t => {
  const own = KernelRoutes.open(() => {})
  if (!own) return
  t.teardown(() => own.stop())
  own.sendFrom([], PORTS)
  run('route add local 23.0.0.0/24 dev lo table 106')
  t.teardown(() => run('route del local 23.0.0.0/24 dev lo table 106'))
  for (let i = 0; i < 17; i++) {
    run(`rule add sport ${20_100 + 2 * i} lookup 106`)
    t.teardown(() => run(`rule del sport ${20_100 + 2 * i} lookup 106`))
  }

  t.ok(await eventually(() => own.has(parseIp('23.0.0.9')!)))
  t.equal(own.has(parseIp('23.0.1.9')!), false)
})

t.test('the best source that there is is opened', async t => {
  const own = openOwnAddresses(() => {})
  t.teardown(() => own.stop())

  t.equal(own.has(parseIp('127.0.0.1')!), true)
})

t.test('the tables of the kernel are read as it writes them', async t => {
  const trie = [
    'Main:',
    '  +-- 0.0.0.0/0 3 0 5',
    '     |-- 0.0.0.0',
    '        /0 universe UNICAST',
    '        /0 host LOCAL',
    '     |-- 10.0.0.0',
    '        /24 link UNICAST',
    'Local:',
    '     |-- 10.0.0.5',
    '        /32 host LOCAL',
    '     |-- 10.0.0.255',
    '        /32 link BROADCAST tos=0',
    '     |-- 13.0.0.0',
    '        /24 host LOCAL',
  ].join('\n')
  const zeros = '0'.repeat(32)
  const route6 = (to: string, bits: string, flags: string, device = 'eth0', metric = '00000100') =>
    `${to} ${bits} ${zeros} 00 ${zeros} ${metric} 00000001 00000000 ${flags} ${device}`
  const six = [
    route6('2a000009000900000000000000000000', '40', '00000001'),
    route6('2a000009000900000000000000000000', '80', '00100001'),
    route6(`${'0'.repeat(31)}1`, '80', '80200001'),
    route6(zeros, '00', '00450003', 'wlan0', '00000400'),
    route6(zeros, '00', '00000003'),
    route6(zeros, '00', '00200200', 'lo', 'ffffffff'),
  ].join('\n')
  const four = [
    'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT',
    'wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0',
    'eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0',
    'docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0',
    '*\t00000000\t00000000\t0200\t0\t0\t0\t00000000\t0\t0\t0',
  ].join('\n')

  t.same([...listed4(trie)], ['10.0.0.5/32', '10.0.0.255/32', '13.0.0.0/24'])
  t.same(
    [...listed6(six)],
    ['2a00:0009:0009:0000:0000:0000:0000:0000/128', '0000:0000:0000:0000:0000:0000:0000:0001/128'],
  )
  t.equal(defaultDevice4(four), 'eth0')
  t.equal(defaultDevice6(six), 'eth0')
  t.same([defaultDevice4(''), defaultDevice6('')], [undefined, undefined])
})

function run(words: string): void {
  execFileSync('ip', words.split(' '))
}

/** The files are not read again at once: they cost more. */
async function pause(source: string): Promise<void> {
  if (source === '/proc') await new Promise(resolve => setTimeout(resolve, 300))
}
