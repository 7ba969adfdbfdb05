import fc from 'fast-check'
import t from 'tap'
import { type Address, address, formatIp, parseAddress, parseIp } from '../../../src/base/address.ts'
import { knownRange, type Range } from '../../../src/base/range.ts'
import type { Reach } from '../../../src/core/environment.ts'
import { compilePeers, embeddedIp4, type PeerPolicy, RECOMMENDED } from '../../../src/policy/peer-policy.ts'
import { hostNames } from '../../../src/policy/same-host.ts'

const RELAYED = ['203.0.114.7', '2a01:db9::7']
const NAT = { local: parseIp('10.0.0.5')!, public: parseIp('203.0.114.7')! }
const OWN = ['203.0.114.7', '203.0.114.8', '2a01:db9::7']

t.test('the addresses that attacks go for are denied by default [TURN-PERM-08, TURN-SEC-03]', t => {
  const reach = policy()
  for (const ip of [
    '0.0.0.0',
    '0.1.2.3',
    '10.0.0.1',
    '10.255.255.255',
    '100.64.0.1',
    '100.127.255.255',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.8',
    '192.0.2.1',
    '192.88.99.1',
    '192.168.0.1',
    '192.168.255.255',
    '198.18.0.1',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '239.255.255.255',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '100::1',
    '2001:2::1',
    '2001:db8::1',
    '3fff::1',
    'fc00::1',
    'fd00:ec2::254',
    'fe80::1',
    'fec0::1',
    'ff02::1',
  ]) {
    t.equal(reach(at(ip)), 'no', ip)
  }
  t.end()
})

t.test('the internet may be reached', t => {
  const reach = policy()
  for (const ip of [
    '1.1.1.1',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '126.255.255.255',
    '128.0.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '192.167.255.255',
    '192.169.0.0',
    '223.255.255.255',
    '2606:4700:4700::1111',
    '2a00::1',
    '64:ff9b::101:101',
    '2002:101:101::1',
  ]) {
    t.equal(reach(at(ip)), ip.startsWith('2002') ? 'no' : 'yes', ip)
  }
  t.end()
})

for (const inner of ['10.0.0.1', '127.0.0.1', '169.254.169.254', '192.168.1.1', '0.0.0.0']) {
  t.test(`${inner} is denied in every way to write it in IPv6 [TURN-PERM-08]`, t => {
    const reach = policy({ allow: ['2002::/16', '::/96', '64:ff9b::/96', '2001::/32'] })
    const ip = parseIp(inner)!
    const hex = Buffer.from(ip).toString('hex')
    const inverted = Buffer.from(ip.map(octet => octet ^ 0xff)).toString('hex')
    for (const octets of [
      `00000000000000000000ffff${hex}`,
      `0064ff9b0000000000000000${hex}`,
      `2002${hex}00000000000000000001`,
      `0000000000000000ffff0000${hex}`,
      `2a01db900000000000005efe${hex}`,
      `2a01db900000000002005efe${hex}`,
      `20010000000000000000000a${inverted}`,
      ...(inner === '0.0.0.0' ? [] : [`000000000000000000000000${hex}`]),
    ]) {
      t.equal(reach(address(Buffer.from(octets, 'hex'), 40_000)), 'no', octets)
    }
    t.end()
  })
}

t.test('what is carried in IPv6 is found, and nothing where there is none', t => {
  t.same(embeddedIp4(parseIp('64:ff9b::c000:201')!), parseIp('192.0.2.1'))
  t.same(embeddedIp4(parseIp('2002:c000:201::1')!), parseIp('192.0.2.1'))
  t.same(embeddedIp4(parseIp('::192.0.2.1')!), parseIp('192.0.2.1'))
  t.same(embeddedIp4(parseIp('::ffff:0:192.0.2.1')!), parseIp('192.0.2.1'))
  t.same(embeddedIp4(parseIp('2a00::5efe:192.0.2.1')!), parseIp('192.0.2.1'))
  t.same(embeddedIp4(parseIp('2001:0:1:2:3:4:3fff:fdfe')!), parseIp('192.0.2.1'))
  for (const ip of ['::', '::1', '2a00::c000:201', '64:ff9b:1::1', '2001:db8::1']) {
    t.equal(embeddedIp4(parseIp(ip)!), undefined, ip)
  }
  t.end()
})

t.test('an explicit allow opens part of what is recommended', t => {
  const reach = policy({ allow: ['192.168.1.0/24', 'fd00:1::/64'] })

  t.equal(reach(at('192.168.1.5')), 'yes')
  t.equal(reach(at('192.168.2.5')), 'no')
  t.equal(reach(at('fd00:1::5')), 'yes')
  t.equal(reach(at('fd00:2::5')), 'no')
  t.end()
})

t.test('an explicit deny beats an allow, whichever is wider', t => {
  const narrow = policy({ allow: ['192.168.0.0/16'], deny: ['192.168.1.7/32'] })
  const wide = policy({ allow: ['9.9.9.9/32'], deny: ['9.0.0.0/8'] })

  t.equal(narrow(at('192.168.1.6')), 'yes')
  t.equal(narrow(at('192.168.1.7')), 'no')
  t.equal(wide(at('9.9.9.9')), 'no')
  t.end()
})

t.test('with a list of those who may be reached nobody else may', t => {
  const reach = policy({ only: ['9.9.9.0/24', '192.168.1.0/24'], deny: ['9.9.9.9/32'] })

  t.equal(reach(at('9.9.9.8')), 'yes')
  t.equal(reach(at('192.168.1.1')), 'yes')
  t.equal(reach(at('9.9.9.9')), 'no')
  t.equal(reach(at('1.1.1.1')), 'no')
  t.equal(reach(at('2a00::1')), 'no')
  t.end()
})

t.test('our own relayed addresses are reached inside the process, our other addresses not at all', t => {
  const reach = policy()

  t.equal(reach(parseAddress('203.0.114.7:1023')!), 'local')
  t.equal(reach(parseAddress('[2a01:db9::7]:0')!), 'local')
  t.equal(reach(at('203.0.114.8')), 'no')
  t.end()
})

t.test('behind 1:1 NAT the private relay address is no way in', t => {
  const reach = compilePeers({ ...base(), isOwn: isOneOf('10.0.0.5'), relays: [NAT] })

  t.equal(reach(parseAddress('203.0.114.7:22')!), 'local')
  t.equal(reach(at('10.0.0.5')), 'no')
  t.end()
})

t.test('a denied relayed address is not reached inside the process either', t => {
  t.equal(policy({ deny: ['203.0.114.0/24'] })(at('203.0.114.7')), 'no')
  t.end()
})

t.test('the server’s own listeners are never peers, whatever is allowed [TURN-SEC-03]', t => {
  const reach = policy({ allow: ['0.0.0.0/0', '::/0'] })

  t.equal(reach(parseAddress('203.0.114.7:3478')!), 'no')
  t.equal(reach(parseAddress('[2a01:db9::7]:5349')!), 'no')
  t.equal(reach(parseAddress('[64:ff9b::203.0.114.7]:3478')!), 'no', 'in another spelling')
  t.not(reach(parseAddress('203.0.114.7:50000')!), 'no')
  t.end()
})

t.test('without the recommended list only what is denied is denied', t => {
  const reach = compilePeers({ ...base(), recommended: false, deny: ranges(['10.1.0.0/16']) })

  t.equal(reach(at('10.0.0.1')), 'yes')
  t.equal(reach(at('10.1.0.1')), 'no')
  t.equal(reach(parseAddress('203.0.114.7:22')!), 'local')
  t.end()
})

t.test('the first and last address of every recommended block is denied', t => {
  const reach = policy()
  for (const text of RECOMMENDED) {
    const { from, to } = knownRange(text)
    for (const ip of [from, to]) t.equal(reach(address(ip, 40_000)), 'no', text)
  }
  t.end()
})

t.test('an address is judged as the ranges say, however they overlap', t => {
  const octet = fc.nat(255)
  const range = fc.record({ first: octet, last: octet })
  fc.assert(
    fc.property(fc.array(range, { maxLength: 8 }), octet, (list, last) => {
      const deny = list.map(
        ({ first, last }): Range => ({
          family: 4,
          from: Uint8Array.of(9, 9, 9, Math.min(first, last)),
          to: Uint8Array.of(9, 9, 9, Math.max(first, last)),
        }),
      )
      const denied = list.some(
        one => last >= Math.min(one.first, one.last) && last <= Math.max(one.first, one.last),
      )
      const reach = compilePeers({ ...base(), deny })(address(Uint8Array.of(9, 9, 9, last), 1))
      return reach === (denied ? 'no' : 'yes')
    }),
    { seed: 20_260_801 },
  )
  t.pass('no counterexample')
  t.end()
})

t.test('S-11: an own address is allowed by its name, and not by a network that it lies in', t => {
  const isOwn = isOneOf('10.0.0.5', 'fd00::5', '9.9.9.9')
  const reach = (...allow: string[]) => compilePeers({ ...base(), isOwn, allow: ranges(allow) })
  const wide = reach('10.0.0.0/8', 'fd00::/8', '9.9.9.0/24', '10.0.0.5-10.0.0.6', '64:ff9b::/96')

  for (const ip of ['10.0.0.5', 'fd00::5', '9.9.9.9', '64:ff9b::10.0.0.5']) t.equal(wide(at(ip)), 'no', ip)
  for (const ip of ['10.0.0.6', 'fd00::6', '9.9.9.8', '64:ff9b::10.0.0.6']) t.equal(wide(at(ip)), 'yes', ip)
  for (const name of ['10.0.0.5', '10.0.0.5/32', '10.0.0.5-10.0.0.5'])
    t.equal(reach(name)(at('10.0.0.5')), 'yes')
  t.equal(reach('fd00::5/128')(at('fd00::5')), 'yes')
  const only = compilePeers({ ...base(), isOwn, only: ranges(['9.9.9.0/24']) })
  t.same([only(at('9.9.9.8')), only(at('9.9.9.9'))], ['yes', 'no'])
  t.end()
})

t.test(
  'O-01: a media server beside us is reached at the public relay address, and no other service is',
  t => {
    const reach = policy()
    const verdict = (text: string) => reach(parseAddress(text)!)

    for (const port of [1024, 7882, 10_000, 49_152, 65_535])
      t.equal(verdict(`203.0.114.7:${port}`), 'yes', `${port}`)
    t.equal(verdict('[2a01:db9::7]:50000'), 'yes')
    for (const port of [22, 53, 161, 1023, 5353, 8125, 8472, 11_211]) {
      t.equal(verdict(`203.0.114.7:${port}`), 'local', `${port}`)
    }
    t.equal(verdict('203.0.114.7:3478'), 'no', 'our own listener')
    t.equal(verdict('203.0.114.7:5349'), 'no', 'the port of our own listener at another address')
    t.equal(verdict('203.0.114.8:10000'), 'no', 'an own address that we do not relay from')
    t.equal(verdict('[64:ff9b::203.0.114.7]:10000'), 'no', 'another spelling')
    t.end()
  },
)

t.test('O-01: the ports of programs beside us are the operator’s to choose', t => {
  const reach = (...sameHost: { from: number; to: number }[]) => compilePeers({ ...base(), sameHost })
  const at = (port: number) => address(parseIp('203.0.114.7')!, port)

  t.equal(reach()(at(10_000)), 'local')
  t.equal(reach({ from: 53, to: 53 })(at(53)), 'yes')
  t.equal(reach({ from: 53, to: 53 })(at(10_000)), 'local')
  t.equal(reach({ from: 1, to: 65_535 })(at(3478)), 'no')
  t.equal(policy({ deny: ['203.0.114.7'] })(at(10_000)), 'no', 'an explicit deny beats it')
  t.equal(policy({ only: ['9.9.9.9'] })(at(10_000)), 'no')
  t.end()
})

t.test('O-02: behind 1:1 NAT programs beside us go by the public address only, loopback by none', t => {
  const reach = compilePeers({ ...base(), isOwn: isOneOf('10.0.0.5'), relays: [NAT] })
  const loop = compilePeers({ ...base(), relays: [{ ...NAT, local: parseIp('127.0.0.1')! }] })
  const near = { local: NAT.local, public: NAT.local }
  const plain = { local: parseIp('9.9.9.1')!, public: parseIp('9.9.9.1')! }
  const host = hostNames([NAT, plain], isOneOf('10.0.0.5', '9.9.9.1'), [parseAddress('0.0.0.0:3478')!])

  t.equal(reach(parseAddress('203.0.114.7:10000')!), 'yes')
  t.equal(reach(parseAddress('10.0.0.5:10000')!), 'no')
  t.equal(loop(parseAddress('203.0.114.7:10000')!), 'local')
  t.equal(compilePeers({ ...base(), relays: [near] })(parseAddress('10.0.0.5:10000')!), 'local')
  const chosen = { ...base(), relays: [near], sameHost: [{ from: 10_000, to: 10_000 }] }
  t.equal(
    compilePeers(chosen)(parseAddress('10.0.0.5:10000')!),
    'yes',
    'a private one where the ports are chosen',
  )
  t.same(host.wire(parseAddress('203.0.114.7:10000')!), parseAddress('10.0.0.5:10000'))
  t.same(host.peer(parseAddress('10.0.0.5:10000')!), parseAddress('203.0.114.7:10000'))
  t.equal(host.wire(parseAddress('9.9.9.1:10000')!), undefined)
  const keys = ['9.9.9.1:22', '9.9.9.1:3478', '10.0.0.5:22', '10.0.0.5:3478', '9.9.9.9:22'].map(text =>
    host.keyFor(parseAddress(text)!),
  )
  t.same(keys, ['sameHost', undefined, 'allow', undefined, undefined])
  t.same([host.isRelayed(parseIp('9.9.9.1')!), host.isRelayed(NAT.local)], [true, false])
  t.end()
})

function isOneOf(...texts: string[]): (ip: Uint8Array) => boolean {
  return ip => texts.includes(formatIp(ip))
}

interface Lists {
  readonly deny?: readonly string[]
  readonly allow?: readonly string[]
  readonly only?: readonly string[]
}

function policy(lists: Lists = {}): (peer: Address) => Reach {
  return compilePeers({
    ...base(),
    deny: ranges(lists.deny ?? []),
    allow: ranges(lists.allow ?? []),
    only: ranges(lists.only ?? []),
  })
}

function base(): PeerPolicy {
  return {
    deny: [],
    allow: [],
    only: [],
    recommended: true,
    isOwn: isOneOf(...OWN),
    relays: RELAYED.map(ip => ({ local: parseIp(ip)!, public: parseIp(ip)! })),
    endpoints: [parseAddress('203.0.114.7:3478')!, parseAddress('[2a01:db9::7]:5349')!],
  }
}

function ranges(texts: readonly string[]): Range[] {
  return texts.map(text => knownRange(text))
}

function at(ip: string): Address {
  return address(parseIp(ip)!, 40_000)
}

t.test('S-03, S-11: 0.0.0.0 and :: are this machine, which no network in the configuration opens', t => {
  const open = (allow: readonly string[]) =>
    compilePeers({
      deny: [],
      allow: allow.map(knownRange),
      only: [],
      recommended: true,
      // As where the kernel's tables are read: they do not list it.
      isOwn: () => false,
      relays: [],
      endpoints: [],
    })
  const at = (ip: string) => address(parseIp(ip)!, 5000)
  for (const ip of ['0.0.0.0', '::', '64:ff9b::', '2002::']) {
    t.equal(open(['0.0.0.0/0', '::/0'])(at(ip)), 'no', ip)
    t.equal(open(['0.0.0.0/8', '::/8'])(at(ip)), 'no', ip)
  }
  t.equal(open(['0.0.0.0'])(at('0.0.0.0')), 'yes', 'by name')
  t.end()
})

t.test(
  'S-25: nothing of the reserved ::/8 is reached but what NAT64 leads to, and that by its IPv4 address',
  t => {
    const reach = compilePeers({
      deny: [],
      allow: [],
      only: [],
      recommended: true,
      isOwn: () => false,
      relays: [],
      endpoints: [],
    })
    const verdict = (ip: string) => reach(address(parseIp(ip)!, 5000))
    const denied = [
      ...['::127.0.0.1', '::ffff:0:7f00:1', '::ffff:0:101:101', '1::1', '0:1::', '63:ffff::1', 'ff:ffff::1'],
      ...[
        '64:ff9a:ffff::1',
        '64:ff9b::1:0:0',
        '64:ff9b:0:1::8.8.8.8',
        '64:ff9b:1::8.8.8.8',
        '64:ff9b:2::1',
        '65::',
      ],
      ...['64:ff9b::127.0.0.1', '64:ff9b::10.0.0.1', '64:ff9b::'],
    ]
    for (const ip of denied) t.equal(verdict(ip), 'no', ip)
    for (const ip of ['64:ff9b::8.8.8.8', '64:ff9b::101:101', '2a00::1', '101::1'])
      t.equal(verdict(ip), 'yes', ip)
    t.end()
  },
)
