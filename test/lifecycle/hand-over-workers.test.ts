import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import t from 'tap'
import { parseAddress } from '../../src/base/address.ts'
import { type CallClient, callClient } from '../support/call-client.ts'
import { CHANNEL, lost } from '../support/calls.ts'
import { credential } from '../support/credentials.ts'
import { upgrade } from '../support/hand-over.ts'
import { eventually, openCalls, startServe } from '../support/lifecycle.ts'
import type { RunningRelay } from '../support/relay.ts'
import { openSession, relayedOf, type TurnSession } from '../support/turn-session.ts'

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
    // A token is good for half a minute.
    if (round === 1)
      t.match(await second.allocate({ reservation: first }), { kind: 'allocated' }, 'a port reserved before')
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

t.test('clients that have moved, some of them to the socket of another worker, go on', async t => {
  const relay = await startTwo()
  const open = async (i: number, via: 'udp' | 'tcp', before?: TurnSession) => {
    const user = credential(relay.secret, `@roaming${i}:example.org`)
    const session = await openSession({ host: '127.0.0.1', port: relay.port, via }, user, before?.turn)
    t.teardown(() => session.close())
    const heard: string[] = []
    session.onData = bytes => void heard.push(bytes.toString())
    return { session, heard }
  }
  const peer = createSocket('udp4').bind(0, '127.0.0.1')
  await once(peer, 'listening')
  t.teardown(() => peer.close())
  // What it hears it sends back.
  peer.on('message', (bytes, { port, address }) => peer.send(bytes, port, address))
  const at = parseAddress(`127.0.0.1:${peer.address().port}`)!

  const moved: Awaited<ReturnType<typeof open>>[] = []
  for (let i = 0; i < 12; i++) {
    const first = await open(i, 'udp')
    t.equal((await first.session.allocate({ mobility: true })).kind, 'allocated')
    t.equal(await first.session.bind(CHANNEL, at), 0)
    const there = await open(i, i % 2 === 0 ? 'udp' : 'tcp', first.session)
    t.equal((await there.session.resume()).kind, 'resumed')
    moved.push(there)
  }
  const talk = async (text: string) => {
    for (const { session } of moved) session.send(CHANNEL, text)
    t.ok(await eventually(() => moved.every(({ heard }) => heard.includes(text))), text)
  }
  await talk('before')
  for (const text of ['after', 'after another']) {
    t.match(await upgrade(t, relay), { ok: true, allocations: 12, stays: 0 })
    await talk(text)
  }
  for (const [i, { session }] of moved.entries()) {
    const back = await open(i, 'udp', session)
    t.equal((await back.session.resume()).kind, 'resumed', 'a ticket of the first process is good')
    t.equal(await back.session.release(), 0)
  }
})

t.test('over TLS they stay, and talk to those that went, whichever workers have them', async t => {
  const relay = await startTwo()
  const open = async (i: number, via: 'udp' | 'tls') => {
    const at = { host: '127.0.0.1', port: via === 'tls' ? relay.tlsPort : relay.port, via }
    const session = await openSession(at, credential(relay.secret, `@${via}${i}:example.org`))
    t.teardown(() => session.close())
    const heard: string[] = []
    session.onData = bytes => void heard.push(bytes.toString())
    return { session, heard, relayed: relayedOf(await session.allocate()) }
  }
  const pairs = []
  for (let i = 0; i < 6; i++) {
    const [one, other] = [await open(i, 'tls'), await open(i, 'udp')]
    t.equal(await one.session.bind(CHANNEL, other.relayed), 0)
    t.equal(await other.session.bind(CHANNEL, one.relayed), 0)
    pairs.push([one, other] as const)
  }
  const all = pairs.flat()
  const talk = async (text: string) => {
    for (const { session } of all) session.send(CHANNEL, text)
    t.ok(await eventually(() => all.every(({ heard }) => heard.includes(text))), text)
  }
  await talk('before')
  t.match(await upgrade(t, relay), { ok: true, allocations: 6, stays: 6 })
  await talk('after')
  const [last, next] = [await open(7, 'tls'), await upgrade(t, relay)]
  t.match(next, { ok: true, allocations: 6, stays: 1 })
  await talk('after another')
  for (const [one] of pairs) one.session.close()
  await relay.child.says(/"msg":"stopped"/)
  t.equal(await last.session.release(), 0, 'and the second goes on until its last call ends')
})
