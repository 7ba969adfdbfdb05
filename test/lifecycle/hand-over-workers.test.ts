import t from 'tap'
import { type CallClient, callClient } from '../support/call-client.ts'
import { lost } from '../support/calls.ts'
import { upgrade } from '../support/hand-over.ts'
import { openCalls, startServe } from '../support/lifecycle.ts'
import type { RunningRelay } from '../support/relay.ts'

t.setTimeout(180_000)

const startTwo = (settings: Readonly<Record<string, unknown>> = {}) =>
  startServe(t, { settings: { control: 'auto', workers: 2, ...settings } })

async function join(relay: RunningRelay, user: string, via: 'udp' | 'tcp' = 'udp') {
  const client = await callClient(relay.port, relay.secret, user, via)
  t.teardown(() => client.close())
  const answer = await client.allocate()
  if (answer.kind !== 'allocated') throw new Error(`${user} got ${JSON.stringify(answer)}`)
  return { client, relayed: answer.relayed[0]! }
}

t.test('several workers hand over to as many: calls within one, between two, over UDP and TCP', async t => {
  const relay = await startTwo()
  const udp = (await openCalls(t, relay, 12)).talk()
  const tcp = (await openCalls(t, relay, 12, 'tcp')).talk()
  const callers = await Promise.all(
    Array.from({ length: 8 }, (_, i) => join(relay, `@relayed${i}:example.org`)),
  )
  for (const [i, { client }] of callers.entries()) await client.permit(callers[i ^ 1]!.relayed)
  const [first, second] = await pairOfPorts(relay)

  for (let round = 1; round <= 3; round++) {
    const [a, b] = await Promise.all([
      udp.lossOf(async () => {
        const upgraded = await upgrade(t, relay)
        t.match(upgraded, { ok: true, allocations: 24 + 8 + (round === 1 ? 1 : 2), stays: 0 })
        t.comment(`round ${round}: ${JSON.stringify(upgraded)}`)
      }),
      tcp.lossOf(),
    ])
    t.equal(lost(a), 0, `round ${round}, UDP: ${JSON.stringify(a)}`)
    t.equal(lost(b), 0, `round ${round}, TCP: ${JSON.stringify(b)}`)
    for (const [i, { client }] of callers.entries()) client.send(callers[i ^ 1]!.relayed, `round ${round}`)
    await Promise.all(callers.map(({ client }) => client.received(round)))
    const refreshed = await Promise.all(callers.map(({ client }) => client.refresh(600)))
    t.ok(
      refreshed.every(({ kind }) => kind === 'refreshed'),
      'whose nonces are still good',
    )
  }

  const later = await Promise.all(Array.from({ length: 16 }, (_, i) => join(relay, `@later${i}:example.org`)))
  t.equal(later.length, 16)
})

/** A client with a port that is reserved for another, and that other. */
async function pairOfPorts(relay: RunningRelay): Promise<[token: Buffer, CallClient]> {
  const [one, other] = await Promise.all(
    [1, 2].map(() => callClient(relay.port, relay.secret, '@pair:example.org')),
  )
  t.teardown(() => [one, other].map(client => client!.close()))
  const answer = await one!.allocate({ port: 'pair' })
  if (answer.kind !== 'allocated' || !answer.reservation) throw new Error(JSON.stringify(answer))
  return [answer.reservation, other!]
}
