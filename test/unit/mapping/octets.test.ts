import fc from 'fast-check'
import t from 'tap'
import { natPmpDialect } from '../../../src/mapping/nat-pmp.ts'
import { pcpDialect } from '../../../src/mapping/pcp.ts'
import { nonceOf, PCP, udp } from '../../support/sim-router.ts'

const hex = (octets: Uint8Array) => Buffer.from(octets).toString('hex')
const octets = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'))

/** What miniupnpd 2.3.1 answers to a request for UDP port 50000, but for the nonce. */
const MAPPED = `
  02 81 00 00  00000e10 0000000c 000000000000000000000000
  505050505050505050505050 11 000000 c350 c350 00000000000000000000ffff50010107`

t.test('a MAP request has the octets of RFC 6887 §7.1 and §11.1', async t => {
  t.equal(
    hex(PCP.dialect.map(udp(50000), 3600)),
    '0201000000000e10' + // version, opcode, lifetime
      '00000000000000000000ffffc0a80105' + // the client's address
      '505050505050505050505050' + // nonce
      '11000000c350c350' + // UDP, port inside and outside
      '00000000000000000000ffff00000000', // any IPv4 address outside
  )
  const end = PCP.dialect.map({ transport: 'tcp', port: 443 }, 0)
  t.equal(hex(end.subarray(4, 8)), '00000000')
  t.equal(hex(end.subarray(36)), `0600000001bb0000${'00000000000000000000ffff00000000'}`)
})

t.test('a client with an IPv6 address asks for one of that family', async t => {
  const client = octets('2a000000000000000000000000000007')
  const request = pcpDialect({ client, nonce: nonceOf }).map(udp(3478), 60)
  t.equal(hex(request.subarray(8, 24)), hex(client))
  t.equal(hex(request.subarray(44)), '00'.repeat(16))
})

t.test('an answer of miniupnpd is read', async t => {
  t.same(PCP.dialect.read(octets(MAPPED)), {
    kind: 'mapped',
    port: udp(50000),
    outside: { port: 50000, ip: octets('50010107') },
    lifetime: 3600,
    epoch: 12,
  })
})

t.test('a PCP answer that is not one to this relay is not read', async t => {
  const good = octets(MAPPED)
  const changed = (at: number, octet: number) => {
    const other = good.slice()
    other[at] = octet
    return other
  }
  t.equal(PCP.dialect.read(changed(24, 0x51)), undefined, 'another nonce')
  t.equal(PCP.dialect.read(changed(1, 0x01)), undefined, 'a request')
  t.equal(PCP.dialect.read(changed(1, 0x82)), undefined, 'another opcode')
  t.equal(PCP.dialect.read(changed(36, 1)), undefined, 'a protocol without ports')
  t.equal(PCP.dialect.read(changed(44, 0x20)), undefined, 'an address of the other family')
  for (const length of [0, 1, 3, 23, 24, 59]) {
    t.equal(PCP.dialect.read(good.subarray(0, length)), undefined, `cut after ${length} octets`)
  }
  t.equal(PCP.dialect.read(new Uint8Array([...good, ...new Uint8Array(1044)])), undefined, 'too long')
  t.equal(PCP.dialect.read(new Uint8Array([...good, 0])), undefined, 'not a multiple of four')
})

t.test('the error codes of PCP are told apart', async t => {
  const why = (code: number) => {
    const answer = octets(MAPPED)
    answer[3] = code
    const read = PCP.dialect.read(answer)
    return read?.kind === 'refused' ? read.why : read?.kind
  }
  t.same([1, 2, 4, 7, 8, 9, 10, 11, 12, 99].map(why), [
    'otherVersion',
    'refused',
    'unsupported',
    'network',
    'resources',
    'unsupported',
    'resources',
    'taken',
    'anotherNat',
    'failed',
  ])
})

t.test('a NAT-PMP router that is asked by PCP says which version it has', async t => {
  t.same(PCP.dialect.read(octets('0081 0001 0000000c')), { kind: 'otherVersion', version: 0 })
})

t.test('NAT-PMP has the octets of RFC 6886 §3', async t => {
  t.equal(hex(natPmpDialect.address()), '0000')
  t.equal(hex(natPmpDialect.map(udp(50000), 3600)), '00010000c350c35000000e10')
  t.equal(hex(natPmpDialect.map({ transport: 'tcp', port: 443 }, 0)), '0002000001bb000000000000')
  t.same(natPmpDialect.read(octets('0080 0000 0000000c 50010107')), {
    kind: 'address',
    ip: octets('50010107'),
    epoch: 12,
  })
  t.same(natPmpDialect.read(octets('0081 0000 0000000c c350 c351 00000e10')), {
    kind: 'mapped',
    port: udp(50000),
    outside: { port: 50001 },
    lifetime: 3600,
    epoch: 12,
  })
  t.match(natPmpDialect.read(octets('0082 0002 0000000c')), {
    kind: 'refused',
    why: 'refused',
    of: undefined,
  })
  t.match(natPmpDialect.read(octets('0080 0003 0000000c 00000000')), { why: 'network', of: 'address' })
  for (const cut of [
    '',
    '00',
    '0080 0000 0000000c 500101',
    '0081 0000 0000000c c350 c351 00000e',
    '0083 0000 0000000c',
  ])
    t.equal(natPmpDialect.read(octets(cut)), undefined, cut)
})

t.test('no octets from a router make a reader fail', async t => {
  const good = fc.constantFrom(octets(MAPPED), octets('0081 0000 0000000c c350 c351 00000e10'))
  const changed = fc.tuple(good, fc.nat(59), fc.nat(255), fc.nat(60)).map(([base, at, octet, length]) => {
    const other = base.slice(0, length)
    if (at < other.length) other[at] = octet
    return other
  })
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 1200 }), changed), given => {
        for (const dialect of [PCP.dialect, natPmpDialect]) {
          const answer = dialect.read(given)
          if (answer?.kind !== 'mapped') continue
          if (answer.port.port > 65535 || answer.lifetime < 0 || answer.epoch < 0) return false
          // Without the nonce there is no mapping by PCP.
          const nonce = nonceOf(answer.port)
          if (dialect === PCP.dialect && hex(given.subarray(24, 36)) !== hex(nonce)) return false
        }
        return true
      }),
    ),
  )
})
