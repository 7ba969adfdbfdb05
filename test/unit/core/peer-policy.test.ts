import fc from 'fast-check'
import t from 'tap'
import { type Address, address, parseAddress, parseIp } from '../../../src/base/address.ts'
import { parseRange, type Range } from '../../../src/base/range.ts'
import type { Reach } from '../../../src/core/environment.ts'
import { compilePeers, embeddedIp4, type PeerPolicy, RECOMMENDED } from '../../../src/policy/peer-policy.ts'

const RELAYED = ['203.0.114.7', '2a01:db9::7']
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

t.test('our own relayed addresses are reached inside the process only, our other addresses not at all', t => {
  const reach = policy()

  t.equal(reach(at('203.0.114.7')), 'local')
  t.equal(reach(at('2a01:db9::7')), 'local')
  t.equal(reach(at('203.0.114.8')), 'no')
  t.end()
})

t.test('behind 1:1 NAT the private relay address is no way in', t => {
  const reach = compilePeers({ ...base(), own: [parseIp('10.0.0.5')!], relayed: [parseIp('203.0.114.7')!] })

  t.equal(reach(at('203.0.114.7')), 'local')
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
  t.equal(reach(at('203.0.114.7')), 'local')
  t.end()
})

t.test('the first and last address of every recommended block is denied', t => {
  const reach = policy()
  for (const text of RECOMMENDED) {
    const { from, to } = parseRange(text) as Range
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
    own: OWN.map(ip => parseIp(ip)!),
    relayed: RELAYED.map(ip => parseIp(ip)!),
    endpoints: [parseAddress('203.0.114.7:3478')!, parseAddress('[2a01:db9::7]:5349')!],
  }
}

function ranges(texts: readonly string[]): Range[] {
  return texts.map(text => parseRange(text) as Range)
}

function at(ip: string): Address {
  return address(parseIp(ip)!, 40_000)
}
