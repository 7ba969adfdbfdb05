import t from 'tap'
import { mannerOf } from '../../../bench/upgrade/call.ts'
import { Tally } from '../../../bench/upgrade/tally.ts'

t.test('packets that are lost, or come twice or late, are counted by their numbers', async t => {
  const tally = new Tally()
  for (let i = 0; i < 2000; i++) tally.next()
  const arrive = (number: number, sentAt: number, now: number) => tally.arrived(number, sentAt, now)
  arrive(0, 1000, 1001)
  arrive(1, 1020, 1060)
  arrive(1, 1020, 1061)
  arrive(1999, 1040, 1100)

  t.same(tally.round(1110), { gap: 59, delay: 60, sent: 2000, distinct: 3, twice: 1 })
  t.match(tally.round(1200), { gap: 100, delay: 0 }, 'silence counts while it goes on')
  arrive(7, 1201, 1203)
  t.match(tally.round(1204), { gap: 103, delay: 2, distinct: 4 })
  t.match(new Tally().round(5), { gap: 0, delay: 0 }, 'of one that has heard nothing yet nothing is known')
})

t.test('forty calls are of every transport, family and method, and half of them relay to relay', async t => {
  const manners = Array.from({ length: 40 }, (_, i) => mannerOf(i))
  const among = <K extends keyof (typeof manners)[number]>(key: K) =>
    new Set(manners.map(one => one[key])).size
  t.same(
    ['via', 'other', 'family', 'method'].map(key => among(key as 'via')),
    [3, 4, 2, 2],
  )
  const relayed = manners.filter(({ other }) => other !== 'peer').length
  t.ok(relayed >= 16 && relayed <= 24, `${relayed} of 40`)
  t.ok(manners.some(({ via, other }) => via === 'tls' && other === 'udp'))
})
