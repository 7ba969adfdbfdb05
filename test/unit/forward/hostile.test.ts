import fc from 'fast-check'
import t from 'tap'
import { PASS, SEND } from '../../../src/base/batch.ts'
import { parse } from '../../../src/wire/message.ts'
import {
  channelData,
  LISTENER,
  payloadOf,
  RELAY,
  Rig,
  sendIndication,
} from '../../support/route-table-rig.ts'

const CLIENT = '192.0.2.10:50000'
const PEER = '198.51.100.7:40000'
const PEER6 = '[2001:db8:1::7]:40000'

/** Routes of every kind, for one client. */
function table(options?: { readonly last: boolean }): Rig {
  return new Rig(options)
    .add({ id: 0, channel: 0x4001, peer: PEER })
    .add({ id: 1, peer: PEER6 })
    .add({ id: 2, channel: 0x4141, peer: '203.0.113.5:49161', local: 9 })
    .add({
      id: 3,
      client: '192.0.2.99:9',
      relaySocket: 9,
      relayed: '203.0.113.5:49161',
      peer: '203.0.113.5:49160',
    })
}

// The rig throws where a datagram that was not sent was touched, or a neighbour of it.
t.test('no octets from a client make the table throw or write where it must not', async t => {
  const rig = table()
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      rig.arrive(LISTENER, CLIENT, Buffer.from(bytes))
    }),
    { numRuns: 2000 },
  )
  t.pass()
})

const messages = [
  channelData(0x4001, payloadOf(9)),
  channelData(0x4141, payloadOf(9)),
  sendIndication(PEER, payloadOf(9)),
  sendIndication(PEER6, payloadOf(10)),
  sendIndication('203.0.113.5:49161', payloadOf(11)),
]
t.test('no damage to a good message makes the table throw or write where it must not', async t => {
  const rig = table()
  let sent = 0
  fc.assert(
    fc.property(
      fc.constantFrom(...messages),
      fc.array(fc.record({ at: fc.nat(100), octet: fc.nat(255) }), { maxLength: 3 }),
      fc.integer({ min: 0, max: 100 }),
      (message, damage, cut) => {
        const bytes = Buffer.from(message).subarray(0, message.length - (cut > 80 ? cut - 80 : 0))
        for (const { at, octet } of damage) if (at < bytes.length) bytes[at] = octet
        const out = rig.arrive(LISTENER, CLIENT, bytes)
        if (out.verdict === SEND) sent++
      },
    ),
    { numRuns: 3000 },
  )
  t.ok(sent > 0, 'some were good enough to send')
})

t.test('a Send indication that the table takes is one that the codec takes', async t => {
  const rig = table()
  fc.assert(
    fc.property(
      fc.constantFrom(...messages.slice(2)),
      fc.array(fc.record({ at: fc.nat(70), octet: fc.nat(255) }), { maxLength: 2 }),
      (message, damage) => {
        const bytes = Buffer.from(message)
        for (const { at, octet } of damage) if (at < bytes.length) bytes[at] = octet
        if (bytes[0] !== 0) return true
        const out = rig.arrive(LISTENER, CLIENT, bytes)
        const parsed = parse(bytes)
        return out.verdict !== SEND || (parsed.kind === 'message' && parsed.malformed.length === 0)
      },
    ),
    { numRuns: 2000 },
  )
  t.pass()
})

t.test('no octets from a peer make the table throw or write where it must not', async t => {
  const rig = table()
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.nat(120),
      fc.constantFrom(PEER, PEER6),
      (bytes, at, peer) => {
        rig.arriveAt(at, RELAY, peer, Buffer.from(bytes))
      },
    ),
    { numRuns: 2000 },
  )
  t.pass()
})

t.test('a datagram at the very end of the slab is read to its end and no further', async t => {
  const rig = table({ last: true })
  const header = fc.constantFrom(...messages).map(message => message.subarray(0, 64))
  fc.assert(
    fc.property(header, fc.nat(64), fc.nat(64), fc.nat(255), (message, length, at, octet) => {
      const bytes = Buffer.from(message.subarray(0, length))
      if (at < bytes.length) bytes[at] = octet
      // Claims of length must pass, or little of the message is looked at.
      if (bytes[0] === 0 && bytes.length >= 20) bytes.writeUInt16BE(bytes.length - 20, 2)
      rig.arriveAt(rig.stride - bytes.length, LISTENER, CLIENT, bytes)
      rig.arriveAt(rig.stride - bytes.length, RELAY, PEER6, bytes)
    }),
    { numRuns: 3000 },
  )
  t.pass()
})

t.test('an empty table passes everything up', async t => {
  const rig = new Rig()
  for (const message of messages) t.equal(rig.arrive(LISTENER, CLIENT, message).verdict, PASS)
  t.equal(rig.arrive(RELAY, PEER, Buffer.alloc(0)).verdict, PASS)
})
