import t from 'tap'
import { parseAddress, RECORD, readRecord, writeRecord } from '../../../src/base/address.ts'
import { createBatch, HEADROOM, PASS, TAILROOM } from '../../../src/base/batch.ts'

t.test('every slot holds the longest datagram with room before and behind', async t => {
  for (const octets of [0, 1, 7, 1500, 2048, 65_507]) {
    const batch = createBatch(3, octets)

    t.ok(batch.stride >= HEADROOM + octets + TAILROOM)
    t.equal(batch.stride % 8, 0, 'slots are aligned')
    t.equal(batch.bytes.length, 3 * batch.stride)
  }
})

t.test('a new batch is empty, and nothing of other buffers shows in it', async t => {
  const batch = createBatch(4, 100)

  t.equal(batch.count, 0)
  t.ok(batch.bytes.every(octet => octet === 0))
  t.ok(batch.verdict.every(verdict => verdict === PASS))
  for (const field of [batch.start, batch.length, batch.socket, batch.verdict]) t.equal(field.length, 4)
})

t.test('the words of an address are the octets of its record', async t => {
  const batch = createBatch(2, 100)
  const from = parseAddress('[2001:db8::7]:3478')!

  writeRecord(from, batch.remote, RECORD)
  batch.remoteWords.copyWithin(0, 5, 10)

  t.equal(readRecord(batch.remote, 0).key, from.key)
})
