import type { NetworkInterfaceInfo } from 'node:os'
import t from 'tap'
import { address, formatAddress, formatIp, parseAddress, parseIp } from '../../../src/base/address.ts'
import {
  expandWildcards,
  ownAddresses,
  relayAddresses,
  scopeOf,
} from '../../../src/net/ports/relay-addresses.ts'

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
  const own = ips(
    '127.0.0.1',
    '10.0.0.5',
    '198.51.100.7',
    '203.0.113.9',
    '::1',
    'fd00::2',
    '2001:db8::7',
    'fe80::1',
  )

  const { addresses, warnings } = relayAddresses(['auto'], own)

  t.strictSame(locals(addresses), ['198.51.100.7', '203.0.113.9', '2001:db8::7'])
  t.strictSame(warnings, [])
})

t.test('auto takes the first private address of a family that has no other, and says so', async t => {
  const { addresses, warnings } = relayAddresses(
    ['auto'],
    ips('127.0.0.1', '10.0.0.5', '172.17.0.1', '2001:db8::7'),
  )

  t.strictSame(locals(addresses), ['10.0.0.5', '2001:db8::7'])
  t.equal(warnings.length, 1)
  t.match(warnings[0], /no public IPv4 address.*10\.0\.0\.5=<public address>/)
})

t.test('auto takes loopback only where there is nothing else, and says so', async t => {
  const alone = relayAddresses(['auto'], ips('127.0.0.1', '::1'))
  const company = relayAddresses(['auto'], ips('127.0.0.1', '::1', '192.168.1.2'))

  t.strictSame(locals(alone.addresses), ['127.0.0.1'])
  t.match(alone.warnings, [/no address but 127\.0\.0\.1/])
  t.strictSame(locals(company.addresses), ['192.168.1.2'])
})

t.test('behind 1:1 NAT the local address is bound and the public one reported [TURN-ALLOC-26]', async t => {
  const { addresses } = relayAddresses(
    ['auto', { local: '10.0.0.5', public: '203.0.113.7' }],
    ips('10.0.0.5'),
  )

  t.equal(addresses.length, 1)
  t.strictSame([formatIp(addresses[0]!.local), formatIp(addresses[0]!.public)], ['10.0.0.5', '203.0.113.7'])
})

t.test('a mapping from one family to the other is left out, and named', async t => {
  const { addresses, warnings } = relayAddresses([{ local: '10.0.0.5', public: '2001:db8::1' }], [])

  t.equal(addresses.length, 0)
  t.match(warnings, [/10\.0\.0\.5/])
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

function locals(addresses: readonly { readonly local: Uint8Array }[]): string[] {
  return addresses.map(one => formatIp(one.local))
}

function info(host: string): NetworkInterfaceInfo {
  return { address: host, netmask: '', mac: '', internal: false, cidr: null, family: 'IPv4' }
}
