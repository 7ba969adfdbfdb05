import t from 'tap'
import type { Time } from '../../../src/base/time.ts'
import { Proofs } from '../../../src/core/trust/proofs.ts'
import { GcraTable } from '../../../src/limits/gcra-table.ts'
import { dice, octets } from '../../sim/random.ts'

const NOW = 1_800_000_000_000 as Time
const DAY = 86_400_000
const later = (milliseconds: number) => (NOW + milliseconds) as Time
const names = new GcraTable(GcraTable.memory(octets(dice(1))))
const user = (n: number, server = 'example.org') => ({
  user: names.key(1, { text: `@user${n}:${server}` }),
  tenant: names.key(3, { text: server }),
})
const network = (n: number) => names.key(2, { number: n })

t.test('a proof is good until its end, to the minute', async t => {
  const proofs = new Proofs()
  t.notOk(proofs.isProved(network(1), NOW))
  proofs.prove(user(1), network(1), later(DAY), NOW)

  t.ok(proofs.isProved(network(1), later(DAY - 1)))
  t.notOk(proofs.isProved(network(1), later(DAY + 60_000)))
  t.notOk(proofs.isProved(network(2), NOW))
})

t.test('S-05: one user has eight proofs, and wipes out only their own', async t => {
  const proofs = new Proofs()
  proofs.prove(user(1), network(1), later(DAY), NOW)
  for (let i = 100; i < 70_100; i++) proofs.prove(user(2), network(i), later(DAY + i), later(i))

  t.ok(proofs.isProved(network(1), later(100_000)))
  let known = 0
  for (let i = 100; i < 70_100; i++) if (proofs.isProved(network(i), later(100_000))) known++
  t.equal(known, 8)
})

for (const [who, order] of [
  ['after another', [1, 2]],
  ['before another', [2, 1]],
  ['before and after another', [2, 1, 2]],
  ['again and again', [2, 1, 2, 2, 2, 1, 2]],
] as const) {
  t.test(`S-05: a user who proved the same ${who} cannot make it forgotten`, async t => {
    const proofs = new Proofs()
    for (const one of order) proofs.prove(user(one), network(1), later(DAY), NOW)
    for (let i = 100; i < 200; i++) {
      proofs.prove(user(2), network(i), later(DAY + i * 60_000), later(i))
    }

    t.ok(proofs.isProved(network(1), later(1000)))
  })
}

t.test('S-05: what all who proved it have forgotten is not known any more', async t => {
  const proofs = new Proofs()
  for (const one of [1, 2]) proofs.prove(user(one), network(1), later(DAY), NOW)
  for (const one of [1, 2]) {
    for (let i = 100; i < 110; i++) {
      proofs.prove(user(one), network(100 * one + i), later(DAY + i * 60_000), later(i))
    }
  }

  t.notOk(proofs.isProved(network(1), later(1000)))
})

t.test('more users than places make room for each other, with what they had proved', async t => {
  const proofs = new Proofs()
  const before = proofs.memory.byteLength
  for (let i = 0; i < 50_000; i++) proofs.prove(user(i), network(i), later(DAY), later(i * 60_000))
  let known = 0
  for (let i = 0; i < 50_000; i++) if (proofs.isProved(network(i), later(0))) known++

  t.equal(proofs.memory.byteLength, before)
  t.ok(before < 2_000_000, `${before} bytes`)
  t.ok(known > 4000 && known <= 8192, `${known} are known`)
  t.ok(proofs.isProved(network(49_999), later(0)))
})

t.test('S-05: a homeserver that signs thousands of names displaces nobody of the others', async t => {
  const proofs = new Proofs()
  const FEW = 500
  for (let i = 0; i < FEW; i++) proofs.prove(user(i), network(i), later(DAY), NOW)
  for (let i = 0; i < 40_000; i++) {
    const hostile = user(i, 'hostile.example')
    for (let k = 0; k < 2; k++)
      proofs.prove(hostile, network(100_000 + 2 * i + k), later(2 * DAY), later(60_000 * (1 + (i % 60))))
  }
  let known = 0
  for (let i = 0; i < FEW; i++) if (proofs.isProved(network(i), later(3_600_000))) known++
  // Where five share a row of four by chance, one makes room for another.
  t.ok(known >= FEW - 10, `${known} of ${FEW}`)
})

t.test('S-05: of two homeservers with more users than there are places, each keeps its share', async t => {
  const proofs = new Proofs()
  for (let i = 0; i < 20_000; i++) proofs.prove(user(i), network(i), later(DAY), later(i))
  for (let i = 0; i < 100_000; i++)
    proofs.prove(user(i, 'hostile.example'), network(100_000 + i), later(2 * DAY), later(60_000 + i))
  let known = 0
  for (let i = 0; i < 20_000; i++) if (proofs.isProved(network(i), later(200_000))) known++
  t.ok(known > 3500, `${known} are known`)
})

t.test(
  'S-05: what two homeservers’ users have proved is not forgotten for the many of one of them',
  async t => {
    const proofs = new Proofs()
    for (let i = 0; i < 100; i++) {
      proofs.prove(user(1_000_000 + i, 'hostile.example'), network(i), later(DAY), NOW)
      proofs.prove(user(i), network(i), later(DAY), NOW)
    }
    for (let i = 0; i < 60_000; i++)
      proofs.prove(user(i, 'hostile.example'), network(100_000 + i), later(2 * DAY), later(60_000 + i))
    let known = 0
    for (let i = 0; i < 100; i++) if (proofs.isProved(network(i), later(200_000))) known++
    t.ok(known >= 98, `${known} of 100`)
  },
)

t.test('a table is carried to another process as octets', async t => {
  const one = new Proofs()
  one.prove(user(1), network(1), later(DAY), NOW)
  const other = new Proofs()
  other.octets.set(one.octets)

  t.ok(other.isProved(network(1), NOW))
})
