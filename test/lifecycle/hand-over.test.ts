import t from 'tap'
import { lost } from '../support/calls.ts'
import { upgrade } from '../support/hand-over.ts'
import { openCalls, startServe } from '../support/lifecycle.ts'

t.setTimeout(120_000)

t.test('three upgrades in a row lose nothing of calls over UDP and TCP', async t => {
  const relay = await startServe(t, { settings: { control: 'auto' } })
  const udp = (await openCalls(t, relay, 10)).talk()
  const tcp = (await openCalls(t, relay, 10, 'tcp')).talk()

  for (let round = 1; round <= 3; round++) {
    const [a, b] = await Promise.all([
      udp.lossOf(async () => {
        const upgraded = await upgrade(t, relay)
        t.match(upgraded, { ok: true, allocations: 20, stays: 0 })
        t.comment(`round ${round}: ${JSON.stringify(upgraded)}`)
      }),
      tcp.lossOf(),
    ])
    t.equal(lost(a), 0, `round ${round}, UDP: ${JSON.stringify(a)}`)
    t.equal(lost(b), 0, `round ${round}, TCP: ${JSON.stringify(b)}`)
  }
  t.match(await udp.clients[0]!.refresh(600), { kind: 'refreshed' })
  t.match(await tcp.clients[0]!.refresh(600), { kind: 'refreshed' })
})
