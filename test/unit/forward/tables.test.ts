import fc from 'fast-check'
import t from 'tap'
import { RECORD, writeRecord } from '../../../src/base/address.ts'
import type { Random } from '../../../src/base/time.ts'
import { AddressTable } from '../../../src/forward/address-table.ts'
import { ChannelTable } from '../../../src/forward/channel-table.ts'
import { addressOf, seeded } from '../../support/route-table-rig.ts'

/** Both kinds of table by one interface: a key is a space and a small number. */
interface Subject {
  readonly size: number
  find(space: number, key: number): number
  set(space: number, key: number, value: number): void
  delete(space: number, key: number, value: number): void
}

const ADDRESSES = Array.from({ length: 40 }, (_, i) =>
  i % 2 ? `198.51.100.7:${i}` : `[2001:db8::${i.toString(16)}]:7`,
)
const records = new Uint8Array(ADDRESSES.length * RECORD)
for (const [i, address] of ADDRESSES.entries()) writeRecord(addressOf(address), records, i * RECORD)
const words = new Int32Array(records.buffer)

function addressTable(random: Random): Subject {
  const table = new AddressTable(random)
  return {
    get size() {
      return table.size
    },
    find: (space, key) => table.find(space, words, key * 5),
    set: (space, key, value) => table.set(space, words, key * 5, value),
    delete: (space, key, value) => table.delete(space, words, key * 5, value),
  }
}

const key = fc.record({ space: fc.nat(4), key: fc.nat(ADDRESSES.length - 1) })
const operations = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ set: key, value: fc.integer({ min: 1, max: 9 }) }) },
    { weight: 2, arbitrary: fc.record({ delete: key }) },
    fc.record({ deleteOther: key }),
  ),
  { maxLength: 400, size: 'max' },
)

const SUBJECTS: readonly { readonly name: string; readonly create: (random: Random) => Subject }[] = [
  { name: 'addresses', create: addressTable },
  { name: 'channels', create: random => new ChannelTable(random) },
]
const HASHES: readonly { readonly name: string; readonly random: Random }[] = [
  { name: 'random hashes', random: seeded(7) },
  { name: 'hashes that are all the same', random: into => into.fill(0) },
]
for (const { name, create } of SUBJECTS) {
  for (const { name: hashes, random } of HASHES) {
    t.test(`a table of ${name} does what a Map does, with ${hashes}`, async t => {
      fc.assert(
        fc.property(operations, list => {
          const table = create(random)
          const model = new Map<string, number>()
          for (const step of list) {
            if ('set' in step) {
              table.set(step.set.space, step.set.key, step.value)
              model.set(`${step.set.space} ${step.set.key}`, step.value)
            } else if ('delete' in step) {
              const id = `${step.delete.space} ${step.delete.key}`
              table.delete(step.delete.space, step.delete.key, model.get(id) ?? 1)
              model.delete(id)
            } else {
              table.delete(step.deleteOther.space, step.deleteOther.key, 10)
            }
          }
          for (let space = 0; space <= 4; space++) {
            for (let key = 0; key < ADDRESSES.length; key++) {
              const expected = model.get(`${space} ${key}`) ?? 0
              if (table.find(space, key) !== expected) return false
            }
          }
          return table.size === model.size
        }),
        { numRuns: 60 },
      )
      t.pass()
    })
  }
}

t.test('addresses that differ in any one part are different keys', async t => {
  const table = new AddressTable(seeded(3))
  const variants = [
    '[2001:db8:1:2:3:4:5:6]:7',
    '[2001:db8:1:2:3:4:5:6]:8',
    '[2001:db9:1:2:3:4:5:6]:7',
    '[2001:db8:1:3:3:4:5:6]:7',
    '[2001:db8:1:2:3:5:5:6]:7',
    '[2001:db8:1:2:3:4:5:7]:7',
    '[c633:6407::]:7',
    '198.51.100.7:7',
  ]
  const octets = new Uint8Array(variants.length * RECORD)
  const words = new Int32Array(octets.buffer)
  for (const [i, variant] of variants.entries()) {
    writeRecord(addressOf(variant), octets, i * RECORD)
    table.set(1, words, i * 5, i + 1)
  }

  t.equal(table.size, variants.length)
  for (const i of variants.keys()) {
    t.equal(table.find(1, words, i * 5), i + 1)
    t.equal(table.find(2, words, i * 5), 0)
  }
})

t.test('large numbers of sockets and clients are told apart', async t => {
  const table = new AddressTable(seeded(5))
  const channels = new ChannelTable(seeded(6))
  for (const space of [0, 1, 0xffff, 0x10000, 0x10001, 0x7fffffff]) {
    table.set(space, words, 0, space + 1 || 1)
    channels.set(space, 0x4000, space + 1 || 1)
  }

  t.equal(table.size, 6)
  t.equal(channels.size, 6)
  t.equal(table.find(0x10000, words, 0), 0x10001)
  t.equal(channels.find(0x10001, 0x4000), 0x10002)
})
