import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import t from 'tap'
import { Talker } from '../../bench/upgrade/talker.ts'
import { eventually } from '../support/lifecycle.ts'

t.test('what measures upgrades counts every packet that is lost on the way or comes twice', async t => {
  const talker = new Talker()
  t.teardown(() => talker.close())
  const [from, to] = await Promise.all([talker.open('peer', 4), talker.open('peer', 4)])
  const hop = createSocket('udp4')
  t.teardown(() => hop.close())
  hop.bind(0, '127.0.0.1')
  await once(hop, 'listening')
  talker.connect(from, hop.address().port)
  talker.connect(to, hop.address().port)
  const copies: number[] = []
  hop.on('message', packet => {
    const number = copies.length
    copies.push(number % 5 === 0 ? 0 : number % 7 === 0 ? 2 : 1)
    for (let i = 0; i < copies[number]!; i++) hop.send(packet, to.port, '127.0.0.1')
  })

  talker.addWay(from, to, Buffer.alloc(160), 0)
  talker.talk()
  await eventually(() => copies.length > 20)
  talker.hush()
  const expected = () => ({
    sent: copies.length,
    distinct: copies.filter(count => count > 0).length,
    twice: copies.filter(count => count > 1).length,
  })
  let { sent, distinct, twice } = { sent: 0, distinct: 0, twice: 0 }
  await eventually(async () => {
    ;({ sent, distinct, twice } = (await talker.round()).ways[0]!)
    return JSON.stringify({ sent, distinct, twice }) === JSON.stringify(expected())
  })
  t.same({ sent, distinct, twice }, expected())
  t.ok(sent - distinct > 4 && twice > 1, `${sent - distinct} lost, ${twice} twice`)
})
