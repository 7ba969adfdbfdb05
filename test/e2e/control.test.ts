import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { parseAddress } from '../../src/base/address.ts'
import type { SessionList, Status } from '../../src/control/view.ts'
import { type CallClient, callClient, callClientWith } from '../support/call-client.ts'
import { ask, Listener } from '../support/fake-control.ts'
import { freePort } from '../support/ports.ts'
import { MAIN, type RunningRelay, startRelay } from '../support/relay.ts'

const TOKEN = 'token-of-the-operator-for-tests'
const PAYLOAD = 'x'.repeat(500)
/** Packets a second and direction. */
const RATE = 100
/** Seconds over which rates are compared. */
const WINDOW = 4

t.setTimeout(180_000)

for (const workers of [1, 2]) {
  const title = `with ${workers === 1 ? 'one thread' : 'two workers'}`

  t.test(`${title}, feed, API, command and metrics agree on a call, and every act works`, async t => {
    const { relay, port } = await start(t, workers)
    const call = await startCall(t, relay)
    await call.settled()

    const listener = new Listener(port)
    t.teardown(() => listener.ws.terminate())
    await listener.opened()
    listener.hello(TOKEN)
    const snapshot = await listener.hears('snapshot')
    t.equal(snapshot.sessions.length, 2)

    const from = listener.heard.length
    const before = await metrics(relay)
    const printed: number[] = []
    const heard = () =>
      listener.heard
        .slice(from)
        .flatMap(message => (message.type === 'delta' && message.status.rate ? [message.status.rate] : []))
    // A machine that is busy with other things may leave out a turn of the feed, but not most of them.
    const enough = () => performance.now() - before.at >= WINDOW * 1000 && heard().length >= WINDOW - 1
    while (!enough() && performance.now() - before.at < 3 * WINDOW * 1000) {
      const { stdout } = await taciturn(relay, 'sessions', '--json')
      const { sessions } = JSON.parse(stdout) as SessionList
      printed.push(sum(sessions.map(({ rate }) => rate.toPeer.bytes + rate.toClient.bytes)))
      await pause(300)
    }
    const after = await metrics(relay)
    const truth = ((after.bytes - before.bytes) / (after.at - before.at)) * 1000
    const statuses = heard()
    t.ok(statuses.length >= WINDOW - 1, 'the feed moves every second')
    const fed = mean(statuses.map(({ toPeer, toClient }) => toPeer.bytes + toClient.bytes))
    t.comment({ truth, fed, printed: mean(printed) })
    t.ok(Math.abs(fed / truth - 1) < 0.05, `the feed says ${fed}, the metrics ${truth}`)
    t.ok(
      Math.abs(mean(printed) / truth - 1) < 0.05,
      `the command says ${mean(printed)}, the metrics ${truth}`,
    )
    call.stop()

    const { status, body } = await ask({ port }, 'GET', '/api/v1/sessions', { token: TOKEN })
    const { sessions } = body as SessionList
    t.equal(status, 200)
    t.equal(new Set(sessions.map(({ id }) => id)).size, 2)
    t.ok(await agreeToTheOctet(port), 'and to the octet on what was carried in all')

    const named = await taciturn(relay, 'sessions', '--names')
    t.match(named.stdout, /@alice:example\.org/)
    const pseudonyms = await taciturn(relay, 'sessions')
    t.notMatch(pseudonyms.stdout, /@alice|@bob/, 'nobody is named unless somebody asks')

    const [one, two] = sessions
    t.equal((await taciturn(relay, 'disconnect', one!.id)).code, 0)
    await listener.hears('delta', listener.heard.length)
    t.equal((await taciturn(relay, 'disconnect', one!.id)).code, 1, 'what has ended cannot be ended again')
    t.equal((await taciturn(relay, 'disconnect', '--user', two!.user)).code, 0)
    await relay.child.says(/"reason":"revoked"[\s\S]*"reason":"revoked"/)

    const written = readFileSync(relay.config!, 'utf8')
    writeFileSync(relay.config!, written.replace('"realm"', '"relm"'))
    const broken = await taciturn(relay, 'reload')
    t.equal(broken.code, 3)
    t.match(broken.stderr, /did you mean "realm"/)
    t.match((await taciturn(relay, 'status')).stdout, /last reload failed/)
    writeFileSync(relay.config!, written)
    t.equal((await taciturn(relay, 'reload')).code, 0)

    const lines = readFileSync(join(relay.folder, 'access.log'), 'utf8').trim().split('\n')
    const acts = lines.map(line => JSON.parse(line) as { what: string; outcome: string })
    t.same(
      acts.map(({ what, outcome }) => `${what} ${outcome}`),
      [
        'names done',
        'disconnect done',
        'disconnect failed',
        'disconnect done',
        'reload failed',
        'reload done',
      ],
    )
    t.notMatch(lines.join(), /@alice|127\.0\.0\.1/, 'the access log names nobody')

    t.equal((await taciturn(relay, 'drain')).code, 0)
    t.equal((await relay.child.exited).code, 0, 'without a call, a drain ends the relay')
    t.equal((await taciturn(relay, 'status')).code, 4)
  })
}

t.test('a test by a link reaches the relay itself and nobody else, and both sides see it', async t => {
  const { relay, port } = await start(t, 1)
  const { stdout } = await taciturn(relay, 'test-link', '--json')
  const { url } = JSON.parse(stdout) as { url: string }
  const code = url.split('/test#')[1]!
  const begun = await ask({ port }, 'POST', '/api/v1/test/start', { body: { code } })
  t.equal(begun.status, 200)
  t.equal(
    (await ask({ port }, 'POST', '/api/v1/test/start', { body: { code } })).status,
    403,
    'a link is for once',
  )

  const { handle, iceServers } = begun.body
  const { username, credential } = iceServers[0]
  const own = { username, password: credential }
  const [a, b] = [await callClientWith(relay.port, own), await callClientWith(relay.port, own, 'tcp')]
  t.teardown(() => {
    a.close()
    b.close()
  })
  const [one, two] = [await a.allocate(), await b.allocate()]
  if (one.kind !== 'allocated' || two.kind !== 'allocated') throw new Error('no allocation')
  t.equal((await a.bind(0x4000, two.relayed[0]!)).kind, 'bound')
  t.equal((await b.bind(0x4000, one.relayed[0]!)).kind, 'bound')
  a.send(0x4000, 'there and back')
  await b.received(1)
  t.same(b.inbox, ['there and back'])

  const stranger = await a.permit(parseAddress('127.0.0.2:9')!)
  t.match(stranger, { kind: 'rejected', code: 403 }, 'the policy would allow this peer, a test may not')

  const view = await ask({ port }, 'GET', `/api/v1/test/${handle}`)
  t.match(view.body.ways, [
    {
      transport: 'udp',
      challenged: 1,
      opened: 1,
      refused: { 'denied-peer': 1 },
      traffic: { toPeer: { packets: 1 } },
    },
    { transport: 'tcp', challenged: 1, opened: 1, traffic: { toClient: { packets: 1 } } },
  ])
  const kept = await ask({ port }, 'POST', `/api/v1/test/${handle}/result`, {
    body: {
      score: 'fair',
      remarks: [{ say: 'loss', way: 'udp', value: 0.25 }],
      ways: [
        {
          uri: `turn:127.0.0.1:${relay.port}`,
          transport: 'udp',
          port: relay.port,
          candidate: true,
          connected: true,
        },
      ],
      browser: 'a test',
    },
  })
  t.match(kept.body.code, /^[A-Z]+-[0-9]{4}$/)
  const shown = await taciturn(relay, 'test-result', kept.body.code)
  t.equal(shown.code, 0)
  t.match(shown.stdout, /25\s% of the packets were lost over UDP/)
  t.match(shown.stdout, /The relay: Opened a relayed address/)
})

t.test('the process listens on what is configured and nothing else [SEC-03]', async t => {
  const { relay, port } = await start(t, 1)
  const wanted = [relay.port, relay.tlsPort, Number(new URL(relay.metrics!).port), port]
  t.same(
    listening(relay.child.pid, 'tcp'),
    wanted.toSorted((a, b) => a - b),
  )
  t.same(listening(relay.child.pid, 'tcp6'), [])
  t.same(listening(relay.child.pid, 'udp'), [relay.port])
  t.same(listening(relay.child.pid, 'udp6'), [])
})

interface Started {
  readonly relay: RunningRelay
  readonly port: number
}

async function start(t: Test, workers: number): Promise<Started> {
  const port = await freePort()
  const relay = await startRelay({
    against: 'taciturn',
    loopbackPeers: true,
    settings: {
      workers,
      console: {
        listen: `http://127.0.0.1:${port}`,
        tokens: [{ name: 'operator', rights: 'act', token: TOKEN }],
      },
    },
  })
  t.teardown(() => relay.stop())
  return { relay, port }
}

interface Call {
  settled(): Promise<void>
  stop(): void
}

/** Two clients that talk to each other through the relay at a steady rate. */
async function startCall(t: Test, relay: RunningRelay): Promise<Call> {
  const alice = await callClient(relay.port, relay.secret, '@alice:example.org')
  const bob = await callClient(relay.port, relay.secret, '@bob:example.org')
  const [one, two] = [await alice.allocate(), await bob.allocate()]
  if (one.kind !== 'allocated' || two.kind !== 'allocated') throw new Error('no allocation')
  await alice.bind(0x4000, two.relayed[0]!)
  await bob.bind(0x4000, one.relayed[0]!)
  const began = performance.now()
  let sent = 0
  // As many as are due, however late the timer is.
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - began) / 1000) * RATE)
    for (; sent < due; sent++) for (const client of [alice, bob]) client.send(0x4000, PAYLOAD)
  }, 10)
  const stop = () => clearInterval(timer)
  t.teardown(() => {
    stop()
    for (const client of [alice, bob] satisfies CallClient[]) client.close()
  })
  return { settled: () => alice.received(RATE), stop }
}

/** True once sessions and relay have told the same; what was under way arrives in between. */
async function agreeToTheOctet(port: number): Promise<boolean> {
  for (let tries = 0; tries < 20; tries++) {
    const { sessions } = (await ask({ port }, 'GET', '/api/v1/sessions', { token: TOKEN }))
      .body as SessionList
    const status = (await ask({ port }, 'GET', '/api/v1/status', { token: TOKEN })).body as Status
    const told = sum(sessions.map(({ traffic }) => traffic.toPeer.bytes))
    if (told > 0 && told === status.traffic.toPeer.bytes) return true
    await pause(100)
  }
  return false
}

interface Counted {
  readonly at: number
  readonly bytes: number
}

/** What the metrics page says was relayed, and when it said so. */
async function metrics(relay: RunningRelay): Promise<Counted> {
  const text = await (await fetch(relay.metrics!)).text()
  const at = performance.now()
  const values = [...text.matchAll(/^taciturn_relayed_bytes_total\{.*\} ([0-9.e+]+)$/gm)]
  return { at, bytes: sum(values.map(([, value]) => Number(value))) }
}

interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command as an operator does. */
function taciturn(relay: RunningRelay, ...args: string[]): Promise<Outcome> {
  return new Promise(resolve => {
    const all = [MAIN, ...args, '--config', relay.config!]
    execFile(process.execPath, all, { env: { ...process.env, LANG: 'C' } }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr })
    })
  })
}

/** Local ports of the sockets that a process listens with, as the kernel tells. */
function listening(pid: number, table: 'tcp' | 'tcp6' | 'udp' | 'udp6'): number[] {
  const LISTEN = '0A'
  const UNCONNECTED = '07'
  const inodes = new Set(socketsOf(pid))
  return readFileSync(`/proc/${pid}/net/${table}`, 'latin1')
    .split('\n')
    .slice(1)
    .map(line => line.trim().split(/\s+/))
    .filter(
      fields => fields[3] === (table.startsWith('tcp') ? LISTEN : UNCONNECTED) && inodes.has(fields[9]!),
    )
    .map(fields => Number.parseInt(fields[1]!.split(':')[1]!, 16))
    .toSorted((a, b) => a - b)
}

/** Inodes of the sockets that a process has open. */
function socketsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap(fd => {
    const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1]
    return inode === undefined ? [] : [inode]
  })
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
