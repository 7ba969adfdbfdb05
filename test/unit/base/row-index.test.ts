import fc from 'fast-check'
import t from 'tap'
import { RECORD, writeRecord } from '../../../src/base/address.ts'
import { NumberIndex, RecordIndex } from '../../../src/base/row-index.ts'
import type { Random } from '../../../src/base/time.ts'
import { addressOf, seeded } from '../../support/route-table-rig.ts'

/** Words of a row: one that is no part of a key, the space, a record, a number. */
const ROW = 8
const SPACE = 1
const NUMBER = 7

const ADDRESSES = Array.from({ length: 40 }, (_, i) =>
  i % 2 ? `198.51.100.7:${i}` : `[2001:db8::${i.toString(16)}]:7`,
)
const records = new Uint8Array(ADDRESSES.length * RECORD)
for (const [i, address] of ADDRESSES.entries()) writeRecord(addressOf(address), records, i * RECORD)
const words = new Int32Array(records.buffer)

/** Both kinds of index by one interface: a key is a space and a small number, and rows are written here. */
interface Subject {
  readonly size: number
  find(space: number, key: number): number
  set(row: number): void
  delete(row: number): void
}

class Table {
  readonly rows = { words: new Int32Array(1000 * ROW) }

  write(row: number, space: number, key: number): void {
    const at = row * ROW
    this.rows.words[at + SPACE] = space
    for (let i = 0; i < 5; i++) this.rows.words[at + SPACE + 1 + i] = words[key * 5 + i]!
    this.rows.words[at + NUMBER] = 0x4000 + key
  }
}

function byRecord(table: Table, random: Random): Subject {
  const index = new RecordIndex(table.rows, ROW, SPACE, random)
  return {
    get size() {
      return index.size
    },
    find: (space, key) => index.find(space, words, key * 5),
    set: row => index.set(row),
    delete: row => index.delete(row),
  }
}

function byNumber(table: Table, random: Random): Subject {
  const index = new NumberIndex(table.rows, ROW, SPACE, NUMBER, random)
  return {
    get size() {
      return index.size
    },
    find: (space, key) => index.find(space, 0x4000 + key),
    set: row => index.set(row),
    delete: row => index.delete(row),
  }
}

const step = fc.record({ space: fc.nat(4), key: fc.nat(ADDRESSES.length - 1), act: fc.nat(9) })
const steps = fc.array(step, { maxLength: 400, size: 'max' })

for (const [name, create] of [
  ['records', byRecord],
  ['numbers', byNumber],
] as const) {
  for (const [hashes, random] of [
    ['random hashes', seeded(7)],
    ['hashes that are all the same', (into: Buffer) => void into.fill(0)],
  ] as const) {
    t.test(`an index of ${name} finds what a Map finds, with ${hashes}`, async t => {
      fc.assert(
        fc.property(steps, list => {
          const table = new Table()
          const index = create(table, random)
          const model = new Map<string, number>()
          // Rows with the same key that others have taken the place of.
          const replaced: number[] = []
          let rows = 0
          for (const { space, key, act } of list) {
            const id = `${space} ${key}`
            const known = model.get(id)
            if (act < 6) {
              const row = rows++
              table.write(row, space, key)
              index.set(row)
              if (known !== undefined) replaced.push(known)
              model.set(id, row)
            } else if (act < 9 && known !== undefined) {
              index.delete(known)
              model.delete(id)
            } else if (replaced.length > 0) {
              index.delete(replaced.pop()!)
            }
          }
          for (let space = 0; space <= 4; space++) {
            for (let key = 0; key < ADDRESSES.length; key++) {
              if (index.find(space, key) !== (model.get(`${space} ${key}`) ?? -1)) return false
            }
          }
          return index.size === model.size
        }),
        { numRuns: 60 },
      )
      t.pass()
    })
  }
}

t.test('addresses that differ in any one part are different keys', async t => {
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
  const keys = new Int32Array(octets.buffer)
  const rows = { words: new Int32Array(variants.length * ROW) }
  const index = new RecordIndex(rows, ROW, SPACE, seeded(3))
  for (const [i, variant] of variants.entries()) {
    writeRecord(addressOf(variant), octets, i * RECORD)
    rows.words[i * ROW + SPACE] = 1
    rows.words.set(keys.subarray(i * 5, i * 5 + 5), i * ROW + SPACE + 1)
    index.set(i)
  }

  t.equal(index.size, variants.length)
  for (const i of variants.keys()) {
    t.equal(index.find(1, keys, i * 5), i)
    t.equal(index.find(2, keys, i * 5), -1)
  }
})

t.test('large numbers of spaces are told apart, and an index that grows keeps what is in it', async t => {
  const table = new Table()
  const indexes = [byRecord(table, seeded(5)), byNumber(table, seeded(6))]
  const spaces = [
    0,
    1,
    0xffff,
    0x10000,
    0x10001,
    0x7fffffff,
    ...Array.from({ length: 900 }, (_, i) => 3 * i + 9),
  ]
  for (const [row, space] of spaces.entries()) {
    table.write(row, space, 3)
    for (const index of indexes) index.set(row)
  }

  for (const index of indexes) {
    t.equal(index.size, spaces.length)
    t.same(
      spaces.filter((space, row) => index.find(space, 3) !== row),
      [],
    )
  }
})

t.test('S-01: an index of a hundred thousand rows never does much at once when it grows', async t => {
  const words = new Int32Array(100_000 * ROW)
  let looks = 0
  const rows = {
    get words() {
      looks++
      return words
    },
  }
  const index = new NumberIndex(rows, ROW, SPACE, NUMBER, seeded(7))
  let most = 0
  for (let row = 0; row < 100_000; row++) {
    words[row * ROW + SPACE] = row >> 8
    words[row * ROW + NUMBER] = row & 255
    looks = 0
    index.set(row)
    most = Math.max(most, looks)
  }
  t.equal(index.size, 100_000)
  t.ok(most < 4000, `${most} rows looked at for one that was added`)
})

t.test(
  'an index finds every row, and rows that are taken out are gone, while it moves to a larger table',
  async t => {
    const ROWS = 14_000
    const words = new Int32Array(ROWS * ROW)
    const index = new NumberIndex({ words }, ROW, SPACE, NUMBER, seeded(8))
    const isIn = new Uint8Array(ROWS)
    let wrong = 0
    for (let row = 0; row < ROWS; row++) {
      words[row * ROW + SPACE] = row >> 4
      words[row * ROW + NUMBER] = row & 15
      index.set(row)
      isIn[row] = 1
      // Every third goes soon after it came, so most growths meet holes.
      if (row % 3 === 0 && row > 0) {
        index.delete(row - 2)
        isIn[row - 2] = 0
      }
      // Around each growth all are looked for, else a few.
      for (let other = row % 509; other <= row; other += row % 97 === 0 ? 1 : 509) {
        if (index.find(other >> 4, other & 15) !== (isIn[other] === 1 ? other : -1)) wrong++
      }
    }
    t.equal(wrong, 0)
    t.equal(index.size, isIn.filter(one => one === 1).length)
  },
)
