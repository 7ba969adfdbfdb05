import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import t from 'tap'
import { address, parseIp } from '../../../src/base/address.ts'
import { ALICE, needWorkers, PLENTY, startTwoWorkers } from '../../support/two-workers.ts'

t.test('a bit rate holds for a user whose calls are with different shards', needWorkers(), async t => {
  const rate = 100_000
  const relay = await startTwoWorkers(t, {
    limits: { bitratePerUser: '800 kbit/s', allocationsPerUser: PLENTY },
  })
  const [one, other] = await relay.pair(t, ALICE, ALICE)
  const sink = createSocket('udp4').bind(0, '127.0.0.1')
  t.teardown(() => sink.close())
  await once(sink, 'listening')
  const there = address(parseIp('127.0.0.1')!, sink.address().port)
  for (const { client } of [one, other]) await client.permit(there)

  const since = performance.now()
  for (let i = 0; i < 150; i++) {
    one.client.send(there, '.'.repeat(1000))
    other.client.send(there, '.'.repeat(1000))
  }
  const dropped = () => relay.metric('taciturn_drops_total{reason="rate"}')
  for (;;) {
    const { toPeer } = await relay.relayed()
    if (toPeer / 1000 + Number(await dropped()) === 300) break
    await new Promise(setImmediate)
  }
  const seconds = (performance.now() - since) / 1000

  const { toPeer } = await relay.relayed()
  t.ok(toPeer >= 0.95 * rate, `${toPeer} octets passed`)
  t.ok(toPeer <= 1.05 * rate * (1 + seconds), `of ${Math.round(rate * (1 + seconds))}`)
})
