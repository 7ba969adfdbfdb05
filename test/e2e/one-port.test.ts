import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { Address } from '../../src/base/address.ts'
import { random } from '../../src/relay/relay-config.ts'
import { IceAgent } from '../sim/ice-agent.ts'
import { type BrowserName, openInBrowser } from '../support/browser.ts'
import { credential } from '../support/credentials.ts'
import { upgrade } from '../support/hand-over.ts'
import { startServe } from '../support/lifecycle.ts'
import { need } from '../support/need.ts'
import { callBetween, type IceServers, ONE_END_PAGE } from '../support/one-end-page.ts'
import { freePort } from '../support/ports.ts'
import { type RunningRelay, startRelay } from '../support/relay.ts'
import { openSession } from '../support/turn-session.ts'

/** Calls at once, of two clients each. */
const CALLS = 20
/** Messages that each client of a call sends. */
const MESSAGES = 20

t.setTimeout(200_000)

const BROWSERS: readonly (readonly [BrowserName, BrowserName])[] = [
  ['chromium', 'chromium'],
  ['chromium', 'firefox-esr'],
]

for (const [caller, callee] of BROWSERS) {
  t.test(
    `${caller} and ${callee} call each other, both relayed by one port`,
    need(caller, callee),
    async t => {
      const { relay, port } = await onePort(t)
      const pages = []
      for (const name of [caller, callee]) {
        const browser = await openInBrowser(name, ONE_END_PAGE)
        t.teardown(() => browser.stop())
        pages.push(browser.page)
      }
      const [one, other] = pages as [(typeof pages)[0], (typeof pages)[0]]
      const ends = await callBetween([one, other], [servers(relay, 'alice'), servers(relay, 'bob')])
      for (const { local, remote } of ends) {
        t.same([local.type, remote.type], ['relay', 'relay'])
        t.same([local.port, remote.port], [port, port], 'both have the one port')
      }
      // A second call of the same two, while the allocations of the first are there.
      const again = await callBetween([one, other], [servers(relay, 'alice'), servers(relay, 'bob')])
      t.ok(again.every(({ messages }) => messages === 10))
    },
  )
}

t.test(`${CALLS} calls at once through one port, and nobody gets what is for another`, async t => {
  const { relay, port } = await onePort(t)
  const calls = await Promise.all(Array.from({ length: CALLS }, (_, i) => openCall(t, relay, i)))
  for (const call of calls) for (const { relayed } of call) t.equal(relayed.port, port)
  const agents = agentsOf(calls)
  await talk(t, agents)
})

t.test('calls through one port go on in the process that takes over', async t => {
  const port = await freePort()
  const relay = await startServe(t, {
    settings: { control: 'auto', relay: { addresses: ['127.0.0.1'], ports: `${port}` } },
  })
  const agents = agentsOf(await Promise.all([openCall(t, relay, 1), openCall(t, relay, 2)]))
  await talk(t, agents)
  const tls = await openSession(
    { host: '127.0.0.1', port: relay.tlsPort, via: 'tls' },
    credential(relay.secret, '@tls:example.org'),
  )
  t.teardown(() => tls.close())
  t.match(await tls.allocate(), { kind: 'allocated' })

  // The port leaves with the calls, so nobody on TLS can stay there.
  t.match(await upgrade(t, relay), { ok: true, allocations: 4, stays: 0 })
  await talk(t, agents)
  await talk(t, agentsOf([await openCall(t, relay, 3)]))
})

t.test('who asks for an even port gets 508, as there is none to choose', async t => {
  const { relay } = await onePort(t)
  const session = await sessionAt(t, relay, '@alice:example.org')
  const answer = await session.allocate({ port: 'even' })
  t.match(answer, { kind: 'rejected', code: 508 })
})

interface Talker {
  readonly agent: IceAgent
  readonly other: IceAgent
}

function agentsOf(calls: readonly (readonly { readonly agent: IceAgent }[])[]): Talker[] {
  return calls.flatMap(ends => ends.map(({ agent }, i) => ({ agent, other: ends[1 - i]!.agent })))
}

/** Has everybody check and talk until everything has arrived: datagrams may be lost, so all is sent again. */
async function talk(t: Test, agents: readonly Talker[]): Promise<void> {
  for (const { agent } of agents) agent.inbox.length = 0
  const isDone = () => agents.every(({ agent }) => new Set(agent.inbox).size === MESSAGES)
  for (let round = 0; round < 100 && !isDone(); round++) {
    for (const { agent, other } of agents) agent.check(other)
    await pause(50)
    for (const { agent, other } of agents) {
      for (let n = 0; n < MESSAGES; n++) agent.say(other, `message ${n}`, Date.now())
      await pause(1)
    }
  }
  t.ok(isDone(), 'everything has arrived')
  t.same(
    agents.flatMap(({ agent }) => agent.foreign),
    [],
    'at those whom it was for',
  )
}

async function onePort(t: Test): Promise<{ readonly relay: RunningRelay; readonly port: number }> {
  const port = await freePort()
  const relay = await startRelay({ settings: { relay: { addresses: ['127.0.0.1'], ports: `${port}` } } })
  t.teardown(() => relay.stop())
  return { relay, port }
}

/** Over UDP and TCP, so that a browser has two allocations with one relayed address. */
function servers(relay: RunningRelay, user: string): IceServers {
  const { username, password } = credential(relay.secret, `@${user}:example.org`)
  const urls = ['udp', 'tcp'].map(transport => `turn:127.0.0.1:${relay.port}?transport=${transport}`)
  return [{ urls, username, credential: password }]
}

async function sessionAt(t: Test, relay: RunningRelay, user: string) {
  const session = await openSession({ host: '127.0.0.1', port: relay.port }, credential(relay.secret, user))
  t.teardown(() => session.close())
  return session
}

/** Two clients with allocations that may send to each other. */
async function openCall(t: Test, relay: RunningRelay, call: number) {
  const open = async (name: string) => {
    const session = await sessionAt(t, relay, `@${name}${call}:example.org`)
    const answer = await session.allocate()
    if (answer.kind !== 'allocated') throw new Error(`${name}${call} got ${JSON.stringify(answer)}`)
    const relayed = answer.relayed[0]!
    await session.permit(relayed)
    const way = (to: Address, bytes: Buffer) => session.indicate(to, bytes)
    const agent = new IceAgent(`${name}${call}`, [way], random, () => relayed)
    return { session, agent, relayed }
  }
  const ends = await Promise.all([open('caller'), open('callee')])
  for (const [i, { session, agent }] of ends.entries()) {
    session.onData = (bytes, peer) => agent.take(0, peer, Buffer.from(bytes), ends[1 - i]!.agent, Date.now())
  }
  return ends
}
