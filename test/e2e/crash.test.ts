import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { type Address, parseAddress } from '../../src/base/address.ts'
import type { Child } from '../support/child.ts'
import { credential } from '../support/credentials.ts'
import { eventually, ROOMY } from '../support/lifecycle.ts'
import { need } from '../support/need.ts'
import { freePort } from '../support/ports.ts'
import { type ManagedOptions, SECRET, startManaged } from '../support/service-manager.ts'
import { openSession, relayedOf, type Target, type TurnSession } from '../support/turn-session.ts'

/* A relay that ends without a word, under a service manager that starts it again and has kept its journal. */

t.setTimeout(240_000)

const CHANNEL = 0x4000
/** Milliseconds between two words of a call, and what an answer may take. */
const EVERY = 20
const PATIENCE = 30_000
const TAKEN_UP = '"took up the calls of a process that ended without a word"'

t.test('calls over UDP go on after whatever ends the process', need('python3'), async t => {
  const main = join(import.meta.dirname, '..', 'support', 'faulty-relay.mjs')
  const { manager, port, open } = await start(t, { main })
  const calls = await openCalls(t, open)
  const roaming = await open({ host: '127.0.0.1', port, via: 'tcp' }, '@roaming:example.org')
  t.match(await roaming.allocate({ mobility: true }), { kind: 'allocated' })
  const staying = await open({ host: '127.0.0.1', port, via: 'tcp' }, '@staying:example.org')
  t.match(await staying.allocate(), { kind: 'allocated' })

  const signals = ['SIGKILL', 'SIGSEGV', 'SIGABRT', 'SIGUSR2', 'SIGKILL'] as const
  for (const [i, signal] of signals.entries()) {
    t.ok(await calls.go(), 'all calls are heard')
    calls.measure()
    process.kill(await pidOf(manager, i), signal)
    await manager.says(new RegExp(`(?:${TAKEN_UP}[^]*){${i + 1}}`))
    t.ok(await calls.go(), `and go on after ${signal}`)
    t.comment(`${signal}: the longest gap in a call was ${Math.round(calls.longest())} ms`)
    t.same(await calls.renew(), [0, 0, 0, 0, 0, 0])
  }
  t.match(manager.output, /"allocations":7,"callsLost":1,/, 'over TCP only what has a ticket')
  t.notMatch(manager.output, /"callsLost":[2-9]/)
  const again = await open({ host: '127.0.0.1', port }, '@roaming:example.org', roaming)
  t.match(await again.resume(), { kind: 'resumed' }, 'and that comes back')
})

t.test('calls of several workers go on, those from one to another as well', need('python3'), async t => {
  const main = join(import.meta.dirname, '..', 'support', 'faulty-relay.mjs')
  const { manager, open } = await start(t, { workers: 2, main })
  // As many as it takes for the kernel to have brought clients to both.
  const calls = await Promise.all(Array.from({ length: 3 }, () => openCalls(t, open)))
  for (const some of calls) t.ok(await some.go(), 'all calls are heard')
  process.kill(await pidOf(manager, 0), 'SIGWINCH')
  const [, kept] = await manager.says(
    /"callsKept":(\d+),"callsLost":0,[^\n]*"a worker has taken over from the one that broke"/,
  )
  t.ok(Number(kept) > 0 && Number(kept) < 18, `that had ${kept} of 18 calls, and the other one the others`)
  for (const some of calls) t.ok(await some.go(), 'and go on after a worker has ended alone')
  for (const [i, signal] of (['SIGKILL', 'SIGUSR2'] as const).entries()) {
    for (const some of calls) t.ok(await some.go(), 'all calls are heard')
    process.kill(await pidOf(manager, i), signal)
    await manager.says(new RegExp(`(?:${TAKEN_UP}[^]*){${i + 1}}`))
    for (const some of calls) {
      t.ok(await some.go(), `and go on after ${signal}`)
      t.same(await some.renew(), [0, 0, 0, 0, 0, 0])
    }
  }
  t.match(manager.output, /"allocations":18,"callsLost":0,/)
  t.notMatch(manager.output, /"callsLost":[1-9]|calls cannot be kept|have ended/)

  manager.signal('SIGHUP')
  await manager.says(/"took calls up"/)
  for (const some of calls) t.ok(await some.go(), 'after a restart, too')
  t.match(
    manager.stdout,
    /FDSTOREREMOVE=1 \| FDNAME=taciturn-left-journal-\d+\nFDSTOREREMOVE=1 \| FDNAME=taciturn-left-journal-\d+-1\nexit 0\nkept 3\n/,
    'no journal is kept beside that',
  )
})

t.test('calls survive processes that end while they start', need('python3'), async t => {
  const { manager, open } = await start(t)
  const calls = await openCalls(t, open)
  t.ok(await calls.go())
  process.kill(await pidOf(manager, 0), 'SIGKILL')
  // Before it has begun, while it loads its program, and when it is about to serve.
  for (const [i, wait] of [0, 150, 300].entries()) {
    const pid = await pidOf(manager, i + 1)
    await pause(wait)
    process.kill(pid, 'SIGKILL')
  }
  await pidOf(manager, 4)
  await manager.says(new RegExp(TAKEN_UP))
  t.ok(await calls.go())
  t.same(await calls.renew(), [0, 0, 0, 0, 0, 0])

  manager.signal('SIGHUP')
  for (const [i, wait] of [0, 250].entries()) {
    const pid = await pidOf(manager, i + 5)
    await pause(wait)
    process.kill(pid, 'SIGKILL')
  }
  await manager.says(/"took calls up"/)
  t.ok(await calls.go(), 'after a restart, too')
  t.same(await calls.renew(), [0, 0, 0, 0, 0, 0])
})

t.test(
  'after a crash a restart keeps the calls as ever, and the other way round',
  need('python3'),
  async t => {
    const { manager, open } = await start(t)
    const calls = await openCalls(t, open)
    process.kill(await pidOf(manager, 0), 'SIGKILL')
    await manager.says(new RegExp(TAKEN_UP))
    t.ok(await calls.go())
    await manager.says(/^READY=1/m)

    manager.signal('SIGHUP')
    await manager.says(/"took calls up"/)
    t.ok(await calls.go())
    t.match(
      manager.stdout,
      /BARRIER=1\nFDSTOREREMOVE=1 \| FDNAME=taciturn-left-journal-\d+\nexit 0\nkept 3\n/,
      'the journal is not kept beside that',
    )

    process.kill(await pidOf(manager, 2), 'SIGKILL')
    await manager.says(new RegExp(`(?:${TAKEN_UP}[^]*){2}`))
    t.ok(await calls.go())
    t.same(await calls.renew(), [0, 0, 0, 0, 0, 0])
  },
)

t.test('listeners of the service manager are used again', need('python3'), async t => {
  const { manager, port, open } = await start(t, { sockets: ['udp'] })
  const client = await open({ host: '127.0.0.1', port }, '@a:example.org')
  const peer = await echo(t, '127.0.0.1')
  t.match(await client.allocate(), { kind: 'allocated' })
  t.equal(await client.bind(CHANNEL, peer), 0)
  process.kill(await pidOf(manager, 0), 'SIGKILL')
  await manager.says(new RegExp(TAKEN_UP))
  let heard = 0
  client.onData = () => heard++
  client.send(CHANNEL, 'here again')
  t.ok(await eventually(() => heard > 0, PATIENCE))
})

type Open = (target: Target, user: string, before?: TurnSession) => Promise<TurnSession>

/** A relay of both families under a manager, and how to reach it. */
async function start(
  t: Test,
  { workers = 1, ...options }: ManagedOptions & { readonly workers?: number } = {},
) {
  const port = await freePort()
  const listen = [`udp://127.0.0.1:${port}`, `tcp://127.0.0.1:${port}`, `udp://[::1]:${port}`]
  const managed = await startManaged(t, {
    store: true,
    ...options,
    settings: {
      ...(options.sockets ? {} : { listen }),
      workers,
      limits: ROOMY.limits,
      relay: { addresses: ['127.0.0.1', '::1'] },
      peers: { deny: ['recommended'], allow: ['127.0.0.0/8', '::1/128'] },
    },
  })
  await managed.manager.says(/^READY=1/m)
  const open: Open = async (target, user, before) => {
    const session = await openSession(target, credential(SECRET, user), before?.turn)
    t.teardown(() => session.close())
    return session
  }
  return { manager: managed.manager, port: options.sockets ? managed.port : port, open: at(open, port) }
}

/** Fills in the port. */
function at(open: Open, port: number): Open {
  return (target, user, before) => open({ ...target, port: target.port || port }, user, before)
}

/** The process that the manager has started as this one, from 0 on. */
async function pidOf(manager: Child, index: number): Promise<number> {
  const [, pid] = await manager.says(new RegExp(`(?:^pid (\\d+)$[^]*?){${index + 1}}`, 'm'))
  return Number(pid)
}

/** Two calls with a channel and two with indications, a family each, and one from relay to relay, which talk all the time. */
async function openCalls(t: Test, open: Open) {
  const hosts = ['127.0.0.1', '::1', '127.0.0.1', '::1', '127.0.0.1', '127.0.0.1']
  const sessions = await Promise.all(hosts.map((host, i) => open({ host, port: 0 }, `@${i}:example.org`)))
  const relayed = await Promise.all(
    sessions.map(async (session, i) =>
      relayedOf(await session.allocate({ family: hosts[i] === '::1' ? 6 : 4 })),
    ),
  )
  const echoes = await Promise.all([echo(t, '127.0.0.1'), echo(t, '::1')])
  const peers = [echoes[0]!, echoes[1]!, echoes[0]!, echoes[1]!, relayed[5]!, relayed[4]!]
  const hasChannel = [true, true, false, false, true, true]
  for (const [i, session] of sessions.entries()) {
    if (hasChannel[i]) t.equal(await session.bind(CHANNEL, peers[i]!), 0)
    else t.equal(await session.permit(peers[i]!), 0)
  }
  const heard = sessions.map(() => 0)
  const last = sessions.map(() => performance.now())
  let longest = 0
  for (const [i, session] of sessions.entries()) {
    session.onData = () => {
      const now = performance.now()
      longest = Math.max(longest, now - last[i]!)
      last[i] = now
      heard[i]!++
    }
  }
  const timer = setInterval(() => {
    for (const [i, session] of sessions.entries()) {
      if (hasChannel[i]) session.send(CHANNEL, 'a word')
      else session.indicate(peers[i]!, 'a word')
    }
  }, EVERY)
  t.teardown(() => clearInterval(timer))
  return {
    /** Resolves with true when each of them has been heard several times more. */
    go: () => {
      const before = [...heard]
      return eventually(() => heard.every((count, i) => count > before[i]! + 5), PATIENCE)
    },
    /** Begins to measure, with whatever has been heard by now. */
    measure: () => {
      longest = 0
    },
    longest: () => longest,
    /** Renews what they may send to; the codes of the answers. */
    renew: () =>
      Promise.all(
        sessions.map((session, i) =>
          hasChannel[i] ? session.bind(CHANNEL, peers[i]!) : session.permit(peers[i]!),
        ),
      ),
  }
}

/** A peer that sends back what it hears. */
async function echo(t: Test, host: string): Promise<Address> {
  const socket = createSocket(host === '::1' ? 'udp6' : 'udp4').bind(0, host)
  await once(socket, 'listening')
  t.teardown(() => socket.close())
  socket.on('message', (bytes, from) => socket.send(bytes, from.port, from.address))
  const { port } = socket.address()
  return parseAddress(host === '::1' ? `[::1]:${port}` : `${host}:${port}`)!
}
