import type { NetworkInterfaceInfo } from 'node:os'
import t from 'tap'
import { address, formatAddress, formatIp, ipKey, parseAddress, parseIp } from '../../../src/base/address.ts'
import { addressStates, type Machine, ownAddresses } from '../../../src/net/kernel/machine.ts'
import { expandWildcards, relayAddresses, scopeOf } from '../../../src/net/ports/relay-addresses.ts'
import { type RunningText, sayRunning } from '../../../src/texts/running.ts'

const english = (texts: readonly RunningText[]) => texts.map(text => sayRunning(text, 'en'))

for (const [text, scope] of [
  ['198.51.100.7', 'public'],
  ['172.15.255.255', 'public'],
  ['172.32.0.0', 'public'],
  ['10.1.2.3', 'private'],
  ['172.16.0.1', 'private'],
  ['172.31.255.255', 'private'],
  ['192.168.0.1', 'private'],
  ['100.63.255.255', 'public'],
  ['100.64.0.1', 'cgnat'],
  ['100.127.255.255', 'cgnat'],
  ['169.254.1.1', 'link-local'],
  ['127.0.0.1', 'loopback'],
  ['0.0.0.0', 'unusable'],
  ['224.0.0.1', 'unusable'],
  ['255.255.255.255', 'unusable'],
  ['2001:db8::1', 'public'],
  ['fd00::2', 'private'],
  ['fe80::1', 'link-local'],
  ['febf::1', 'link-local'],
  ['fec0::1', 'private'],
  ['ff02::1', 'unusable'],
  ['::1', 'loopback'],
  ['::', 'unusable'],
  ['::2', 'unusable'],
] as const) {
  t.test(`${text} is ${scope}`, async t => {
    t.equal(scopeOf(parseIp(text)!), scope)
  })
}

t.test('auto takes every public address of both families, and nothing else', async t => {
  const { addresses, warnings, waiting } = relayAddresses(
    ['auto'],
    machine({ lo: '127.0.0.1 ::1', eth0: '10.0.0.5 198.51.100.7 203.0.113.9 fd00::2 2001:db8::7 fe80::1' }),
  )

  t.strictSame(locals(addresses), ['198.51.100.7', '203.0.113.9', '2001:db8::7'])
  t.strictSame([warnings, waiting], [[], []])
})

t.test('auto takes the first private address of a family that has no other, and says so', async t => {
  const { addresses, warnings } = relayAddresses(
    ['auto'],
    machine({ lo: '127.0.0.1', eth0: '10.0.0.5 2001:db8::7', eth1: '172.17.0.1' }),
  )

  t.strictSame(locals(addresses), ['10.0.0.5', '2001:db8::7'])
  t.equal(warnings.length, 1)
  t.match(english(warnings)[0], /no public IPv4 address.*10\.0\.0\.5.*auto=<public address or name>/)
})

t.test(
  'O-24: auto takes the address of the default route, not that of a container bridge before it',
  async t => {
    const devices = {
      docker0: '172.17.0.1',
      wg0: '10.8.0.1 fd08::1',
      eth0: '192.168.1.5 fd00::5',
      tailscale0: '100.64.0.9',
    }
    const home = relayAddresses(['auto'], machine(devices, 'eth0'))
    const offline = relayAddresses(['auto'], machine(devices))
    const tunnel = relayAddresses(['auto'], machine(devices, 'wg0'))
    const routed = relayAddresses(
      ['auto'],
      machine({ lo: '203.0.113.9', eth0: '10.0.0.5', docker0: '198.51.100.1' }, 'eth0'),
    )
    const two = relayAddresses(['auto'], machine({ eth0: '198.51.100.7', eth1: '203.0.113.9' }, 'eth1'))
    const none = relayAddresses(['auto'], machine({ lo: '127.0.0.1', docker0: '172.17.0.1' }))

    t.strictSame(locals(home.addresses), ['192.168.1.5', 'fd00::5'])
    t.strictSame(locals(offline.addresses), ['192.168.1.5', 'fd00::5'])
    t.strictSame(locals(tunnel.addresses), ['10.8.0.1', 'fd08::1'])
    t.strictSame(
      locals(routed.addresses),
      ['203.0.113.9'],
      'a public address anywhere is better than a private one',
    )
    t.strictSame(locals(two.addresses), ['203.0.113.9'])
    t.strictSame(locals(none.addresses), ['127.0.0.1'])
  },
)

t.test('P-03: with loopback alone auto has nothing for new calls, and says what it waits for', async t => {
  const alone = relayAddresses(['auto'], machine({ lo: '127.0.0.1 ::1' }))
  const company = relayAddresses(['auto'], machine({ lo: '127.0.0.1 ::1', eth0: '192.168.1.2' }))

  t.strictSame(locals(alone.addresses), ['127.0.0.1'])
  t.match(english(alone.waiting), [/no address but 127\.0\.0\.1/])
  t.strictSame(locals(company.addresses), ['192.168.1.2'])
  t.strictSame(company.waiting, [])
})

for (const [unbindable, why] of [
  ['tentative', /still asking whether another machine has the address 2001:db8::7/],
  ['duplicate', /another machine on the network has the address 2001:db8::7, too/],
] as const) {
  t.test(
    `P-04: an IPv6 address that cannot be bound (${unbindable}) is left out, and said to be`,
    async t => {
      const six = { ip: parseIp('2001:db8::7')!, device: 'eth0', isLasting: true, unbindable }
      const found = (devices: Record<string, string>) => {
        const { addresses } = machine(devices)
        return relayAddresses(['auto'], { addresses: [...addresses, six], ways: new Map() })
      }
      const company = found({ lo: '127.0.0.1', eth0: '198.51.100.7' })
      const second = found({ lo: '127.0.0.1', eth0: '2001:db8::8' })
      const alone = found({ lo: '127.0.0.1' })

      t.strictSame(locals(company.addresses), ['198.51.100.7'])
      t.strictSame(locals(second.addresses), ['2001:db8::8'])
      for (const { warnings, waiting } of [company, second]) {
        t.match(english(warnings), [why])
        t.strictSame(waiting, [], 'a relay with another address turns nobody away')
      }
      t.strictSame([locals(alone.addresses), alone.warnings], [[], []])
      t.match(alone.waiting, [{ key: `waiting.${unbindable}` }], 'and loopback is not all that there is')
      t.equal(alone.waiting.length, 1)
    },
  )
}

t.test('P-04: an address that auto would not take is not missed', async t => {
  const device = 'eth0'
  const passing = { ip: parseIp('2001:db8::7')!, device, isLasting: false, unbindable: 'tentative' as const }
  const ofBridge = {
    ip: parseIp('fd00::7')!,
    device: 'docker0',
    isLasting: true,
    unbindable: passing.unbindable,
  }
  const linkLocal = { ...ofBridge, ip: parseIp('fe80::7')!, device }
  const { addresses } = machine({ eth0: '198.51.100.7' })

  const found = relayAddresses(['auto'], {
    addresses: [...addresses, passing, ofBridge, linkLocal],
    ways: new Map(),
  })

  t.strictSame([locals(found.addresses), found.warnings, found.waiting], [['198.51.100.7'], [], []])
})

t.test('P-04: what the kernel says of an address tells which cannot be bound', async t => {
  const states = addressStates(
    [
      ['20010db8000000000000000000000001', '80'],
      ['20010db8000000000000000000000002', 'c0'],
      ['20010db8000000000000000000000003', 'c8'],
      ['20010db8000000000000000000000004', '20'],
      ['20010db8000000000000000000000005', '01'],
      ['20010db8000000000000000000000006', '41'],
    ]
      .map(([hex, flags]) => `${hex} 02 40 00 ${flags}     eth0\n`)
      .join(''),
  )
  const of = (text: string) => states.get(ipKey(parseIp(text)!))

  t.equal(of('2001:db8::1'), undefined)
  t.strictSame(of('2001:db8::2'), { isLasting: true, unbindable: 'tentative' })
  t.strictSame(of('2001:db8::3'), { isLasting: true, unbindable: 'duplicate' })
  t.strictSame(of('2001:db8::4'), { isLasting: false, unbindable: undefined })
  t.strictSame(of('2001:db8::5'), { isLasting: false, unbindable: undefined })
  t.strictSame(of('2001:db8::6'), { isLasting: false, unbindable: 'tentative' })
})

t.test('behind 1:1 NAT the local address is bound and the public one reported [TURN-ALLOC-26]', async t => {
  const { addresses } = relayAddresses(
    ['auto', { local: parseIp('10.0.0.5')!, public: parseIp('203.0.113.7')! }],
    machine({ eth0: '10.0.0.5' }),
  )

  t.strictSame(pairs(addresses), ['10.0.0.5=203.0.113.7'])
})

t.test('O-26: auto and a public address map the one of its family, IPv6 goes unmapped', async t => {
  const here = machine({ eth0: '10.0.0.5 2001:db8::7' }, 'eth0')

  const fixed = relayAddresses([{ local: 'auto', public: parseIp('203.0.113.7')! }], here)
  const named = relayAddresses([{ local: 'auto', public: 'turn.example.org' }], here, () =>
    parseIp('203.0.113.8'),
  )

  t.strictSame(pairs(fixed.addresses), ['10.0.0.5=203.0.113.7', '2001:db8::7=2001:db8::7'])
  t.strictSame(pairs(named.addresses), ['10.0.0.5=203.0.113.8', '2001:db8::7=2001:db8::7'])
  t.strictSame([fixed.warnings, named.warnings], [[], []])
})

t.test('U-09: a name that is not known yet, or that stands for loopback, is waited for', async t => {
  const entry = { local: parseIp('10.0.0.5')!, public: 'turn.example.org' }
  const unknown = relayAddresses([entry], machine({ eth0: '10.0.0.5' }))
  const here = relayAddresses([entry], machine({ eth0: '10.0.0.5' }), () => parseIp('127.0.1.1'))

  t.strictSame([unknown.addresses, here.addresses], [[], []])
  t.match(english(unknown.waiting), [/no IPv4 address of turn\.example\.org/])
  t.match(english(here.waiting), [/turn\.example\.org resolves to 127\.0\.1\.1/])
})

t.test('P-02: no two relay addresses have one public address', async t => {
  const one = parseIp('203.0.113.77')!
  const { addresses, warnings } = relayAddresses(
    ['10.0.0.5', '10.0.0.6'].map(text => ({ local: parseIp(text)!, public: one })),
    machine({ eth0: '10.0.0.5 10.0.0.6' }),
  )

  t.strictSame(pairs(addresses), ['10.0.0.5=203.0.113.77'])
  t.match(english(warnings), [/10\.0\.0\.6.*203\.0\.113\.77/])
})

t.test('wildcards become one address for each of the machine, loopback too [STUN-BIND-03]', async t => {
  const own = ips('127.0.0.1', '10.0.0.5', '169.254.3.3', '::1', 'fe80::1', '2001:db8::7')
  const listen = ['0.0.0.0:3478', '[::]:3478', '10.0.0.5:3478', '10.0.0.5:443'].map(
    text => parseAddress(text)!,
  )

  t.strictSame(expandWildcards(listen, own).map(formatAddress), [
    '127.0.0.1:3478',
    '10.0.0.5:3478',
    '[::1]:3478',
    '[2001:db8::7]:3478',
    '10.0.0.5:443',
  ])
})

t.test('the own addresses are those of all interfaces, each once and without zone', async t => {
  const own = ownAddresses({
    lo: [info('127.0.0.1'), info('::1')],
    eth0: [info('10.0.0.5'), info('fe80::1%eth0')],
    eth1: [info('10.0.0.5')],
    none: undefined,
  })

  t.strictSame(own.map(formatIp), ['127.0.0.1', '::1', '10.0.0.5', 'fe80::1'])
})

t.test('this machine has a relay address', async t => {
  t.not(relayAddresses(['auto']).addresses.length, 0)
  t.ok(ownAddresses().some(ip => scopeOf(ip) === 'loopback'))
})

function ips(...texts: string[]): Uint8Array[] {
  return texts.map(text => address(parseIp(text)!, 0).ip)
}

/** A machine with these addresses on these devices, and its default routes by one of them. */
function machine(devices: Record<string, string>, way?: string): Machine {
  const addresses = Object.entries(devices).flatMap(([device, texts]) =>
    ips(...texts.split(' ')).map(ip => ({ ip, device, isLasting: true })),
  )
  return { addresses, ways: new Map(way === undefined ? [] : ([4, 6] as const).map(family => [family, way])) }
}

function pairs(addresses: readonly { readonly local: Uint8Array; readonly public: Uint8Array }[]): string[] {
  return addresses.map(one => `${formatIp(one.local)}=${formatIp(one.public)}`)
}

function locals(addresses: readonly { readonly local: Uint8Array }[]): string[] {
  return addresses.map(one => formatIp(one.local))
}

function info(host: string): NetworkInterfaceInfo {
  return { address: host, netmask: '', mac: '', internal: false, cidr: null, family: 'IPv4' }
}
