import t from 'tap'
import { addTraffic, noTraffic } from '../../../src/base/route.ts'

t.test('traffic adds up by direction', async t => {
  const sum = noTraffic()

  addTraffic(sum, { toPeer: { packets: 1, bytes: 10 }, toClient: { packets: 2, bytes: 20 } })
  addTraffic(sum, { toPeer: { packets: 3, bytes: 30 }, toClient: { packets: 4, bytes: 40 } })

  t.same(sum, { toPeer: { packets: 4, bytes: 40 }, toClient: { packets: 6, bytes: 60 } })
})

t.test('each nothing is a nothing of its own', async t => {
  addTraffic(noTraffic(), { toPeer: { packets: 1, bytes: 1 }, toClient: { packets: 1, bytes: 1 } })

  t.same(noTraffic(), { toPeer: { packets: 0, bytes: 0 }, toClient: { packets: 0, bytes: 0 } })
})
