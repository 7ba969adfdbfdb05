import t from 'tap'
import { PAYLOAD_HEADER, PayloadReader, writeFiller, writePayload } from '../../../src/load/payload.ts'

const OCTETS = 172
const START = 5

/** A payload in the middle of a buffer. */
function payload(octets = OCTETS): Buffer {
  const bytes = Buffer.alloc(START + octets + 3)
  writeFiller(bytes, START, octets)
  writePayload(bytes, START, octets, { run: 7, stream: 40_001, sequence: 123_456, stamp: 0xfedcba98 })
  return bytes
}

t.test('what was written is read', async t => {
  const reader = new PayloadReader()

  t.ok(reader.read(payload(), START, OCTETS))

  t.match(reader, { run: 7, stream: 40_001, sequence: 123_456, stamp: 0xfedcba98 })
})

t.test('any bit that flips is noticed', async t => {
  const reader = new PayloadReader()
  const missed: number[] = []
  for (let bit = 0; bit < OCTETS * 8; bit++) {
    const bytes = payload()
    bytes[START + (bit >> 3)]! ^= 1 << (bit & 7)
    if (reader.read(bytes, START, OCTETS)) missed.push(bit)
  }
  t.same(missed, [])
})

t.test('a payload that was cut, or that something was added to, is noticed', async t => {
  const reader = new PayloadReader()
  for (const octets of [0, 1, PAYLOAD_HEADER - 1, PAYLOAD_HEADER, OCTETS - 1, OCTETS + 1]) {
    t.notOk(reader.read(payload(), START, octets), `${octets} octets`)
  }
})

t.test('the same packet written twice over the same filler is good both times', async t => {
  const bytes = payload()
  const reader = new PayloadReader()
  writePayload(bytes, START, OCTETS, { run: 8, stream: 2, sequence: 0, stamp: 0 })

  t.ok(reader.read(bytes, START, OCTETS))
  t.match(reader, { run: 8, stream: 2, sequence: 0, stamp: 0 })
})

t.test('the shortest and a long payload are read', async t => {
  const reader = new PayloadReader()
  t.ok(reader.read(payload(PAYLOAD_HEADER), START, PAYLOAD_HEADER))
  t.ok(reader.read(payload(60_000), START, 60_000))
})
