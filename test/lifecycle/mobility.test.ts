import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { address, parseIp } from '../../src/base/address.ts'
import { MOBILITY_TICKET } from '../../src/wire/attributes.ts'
import { get, Method } from '../../src/wire/message.ts'
import { credential } from '../support/credentials.ts'
import { eventually } from '../support/lifecycle.ts'
import { SECRET } from '../support/settings.ts'
import { openSession, type TurnSession } from '../support/turn-session.ts'
import { ALICE, needWorkers, startTwoWorkers } from '../support/two-workers.ts'

const CHANNEL = 0x4001
const MOVES = 20
const USER = credential(SECRET, ALICE)

t.setTimeout(300_000)

/** A peer that says what it has heard. */
async function startPeer(t: Test) {
  const socket = createSocket('udp4')
  t.teardown(() => socket.close())
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const heard: string[] = []
  socket.on('message', bytes => heard.push(bytes.toString()))
  return {
    heard,
    address: address(parseIp('127.0.0.1')!, socket.address().port),
    say: (text: string, port: number) => socket.send(text, port, '127.0.0.1'),
  }
}

/** A client with a ticket and a channel to the peer. */
async function startCall(t: Test) {
  const relay = await startTwoWorkers(t)
  const peer = await startPeer(t)
  const open = async (via: 'udp' | 'tcp' | 'tls', before?: TurnSession) => {
    const port = via === 'tls' ? relay.tlsPort : relay.port
    const session = await openSession({ host: '127.0.0.1', port, via }, USER, before?.turn)
    let isOpen = true
    const close = () => {
      if (isOpen) session.close()
      isOpen = false
    }
    t.teardown(close)
    const inbox: string[] = []
    session.onData = bytes => void inbox.push(bytes.toString())
    return { session, inbox, close }
  }
  const first = await open('udp')
  const answer = await first.session.allocate({ mobility: true })
  if (answer.kind !== 'allocated') throw new Error(`no allocation: ${JSON.stringify(answer)}`)
  t.equal(await first.session.bind(CHANNEL, peer.address), 0)
  const ticket = Buffer.from(get(answer.message, MOBILITY_TICKET)!)
  return { relay, peer, open, first, ticket, port: answer.relayed[0]!.port }
}

t.test(
  'a client moves twenty times between UDP, TCP and TLS, whichever worker has the socket [MOB-05, MOB-09]',
  needWorkers(),
  async t => {
    const { relay, peer, open, first, port } = await startCall(t)
    let here = first
    for (let i = 0; i < MOVES; i++) {
      const there = await open((['tcp', 'tls', 'udp'] as const)[i % 3]!, here.session)
      t.match(await there.session.resume(), { kind: 'resumed' }, `move ${i}`)
      peer.say(`old ${i}`, port)
      t.ok(await eventually(async () => here.inbox.includes(`old ${i}`), 5000), 'the old path carries')
      there.session.send(CHANNEL, `from ${i}`)
      t.ok(await eventually(async () => peer.heard.includes(`from ${i}`), 5000), 'to the peer')
      peer.say(`new ${i}`, port)
      t.ok(await eventually(async () => there.inbox.includes(`new ${i}`), 5000), 'to the client')
      here.close()
      here = there
    }
    t.comment(`${relay.referred()} of ${MOVES} moves went by another worker`)
    t.ok(relay.referred() > 0, 'some by another worker')
    t.equal(await relay.metric('taciturn_events_total{event="roamed"}'), `${MOVES}`)
    t.equal(await here.session.release(), 0)
    t.ok(await eventually(async () => relay.held(0) + relay.held(1) === 0, 5000))
  },
)

t.test(
  'a worker that breaks takes along no call whose client only had its socket there',
  needWorkers(),
  async t => {
    const { relay, peer, open, first, port } = await startCall(t)
    // The client may have its answer before the main thread has been told.
    t.ok(await eventually(async () => relay.held(0) + relay.held(1) === 1, 5000))
    const owner = relay.held(0) === 1 ? 0 : 1
    let there = await open('tcp', first.session)
    t.match(await there.session.resume(), { kind: 'resumed' })
    // Which worker accepts a connection is chance. The newest ticket is with the client that moved last.
    for (let i = 0; relay.referred() === 0 && i < 64; i++) {
      there.close()
      there = await open('tcp', there.session)
      t.match(await there.session.resume(), { kind: 'resumed' })
    }
    t.equal(relay.referred(), 1, 'the socket is with the other worker')
    there.session.send(CHANNEL, 'from the other worker')
    t.ok(await eventually(async () => peer.heard.includes('from the other worker'), 5000))

    const broke = relay.logged(/a worker broke/)
    relay.hands[1 - owner]!.terminate()
    await broke
    t.ok(await eventually(async () => (await relay.page('/readyz')).ready, 60_000))
    const back = await open('udp', there.session)
    t.match(await back.session.resume(), { kind: 'resumed' }, 'it comes back with its ticket')
    back.session.send(CHANNEL, 'here again')
    t.ok(await eventually(async () => peer.heard.includes('here again'), 5000))
    peer.say('welcome', port)
    t.ok(await eventually(async () => back.inbox.includes('welcome'), 5000))
  },
)

t.test(
  'a ticket of an allocation that nobody holds any more is denied by the worker that is asked',
  needWorkers(),
  async t => {
    const { relay, open, first, ticket } = await startCall(t)
    t.equal(await first.session.release(), 0)
    t.ok(await eventually(async () => relay.held(0) + relay.held(1) === 0, 5000))
    for (let i = 0; i < 8; i++) {
      const { session } = await open('udp')
      t.equal(await session.ask(Method.Refresh, writer => void writer.set(MOBILITY_TICKET, ticket)), 437)
    }
  },
)
