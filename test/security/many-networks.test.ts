import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { Child } from '../support/child.ts'
import { credential } from '../support/credentials.ts'
import { enterNamespace, Namespace, needNamespaces } from '../support/namespaces.ts'
import { residentOf } from '../support/process-memory.ts'
import { MAIN } from '../support/relay.ts'
import { SECRET, writeConfig } from '../support/settings.ts'
import { bindingRequest } from '../support/stun.ts'
import { codeOf, openSession } from '../support/turn-session.ts'

await enterNamespace(import.meta.url)
t.setTimeout(300_000)

const HOST = '2a00:9:9::1'
const PORT = 3478
const CONNECTIONS = 512
const EACH = 64
/** Answers to strangers in a second, in all. */
const ANSWERS = 1000

t.test('strangers with whole IPv6 prefixes', needNamespaces(), async t => {
  const relay = await start(t)

  t.test('S-04: a stranger with a /60 takes no more connections than one customer may have', async t => {
    const before = await served(10)
    t.equal(before, 10)
    const held = await hold(t, i => `2a00:1:2:${(i & 15).toString(16)}::1`, CONNECTIONS)
    await until(() => open(held) <= EACH)
    t.ok(open(held) <= EACH && open(held) > EACH / 2, `${open(held)} are open`)
    t.equal(await served(10), 10, 'newcomers from elsewhere are served')
    close(held)
  })

  t.test('S-04: a stranger with a /48 has four times as many, and nobody is kept out', async t => {
    const held = await hold(t, i => `2a00:1:3:${((i & 255) << 8).toString(16)}::1`, CONNECTIONS)
    await until(() => open(held) <= 4 * EACH)
    t.ok(open(held) <= 4 * EACH && open(held) > 2 * EACH, `${open(held)} are open`)
    t.equal(await served(10), 10)
    close(held)
  })

  t.test(
    'S-04: where a stranger with a /32 has all places, the oldest make room, and little is kept',
    async t => {
      const memory = residentOf(relay.pid)
      const held = await hold(t, i => `2a00:1:${(i + 16).toString(16)}::1`, CONNECTIONS)
      await sleep(500)
      t.equal(await served(10), 10, 'newcomers are served')
      t.ok(open(held) >= CONNECTIONS - 20, `${open(held)} are open`)
      const grown = residentOf(relay.pid) - memory
      t.ok(grown < 48 << 20, `${grown >> 20} MB more`)
      close(held)
    },
  )

  t.test('S-05: logins from a thousand /56s leave the network of another user known', async t => {
    const honest = credential(SECRET, '@honest:example.org')
    const known = '2a00:5:0:101::1'
    const session = await openSession({ host: HOST, port: PORT, from: known }, honest)
    t.equal(codeOf(await session.allocate({ family: 6 })), 0)
    t.equal(await session.release(), 0)
    session.close()

    const evil = credential(SECRET, '@evil:example.org')
    let logins = 0
    for (let i = 0; i < 1000; i += 50) {
      await Promise.all(
        Array.from({ length: 50 }, async (_, k) => {
          const from = `2a00:${(0x100 + ((i + k) >> 8)).toString(16)}:0:${(((i + k) & 255) << 8).toString(16)}::1`
          const session = await openSession({ host: HOST, port: PORT, from }, evil)
          if (codeOf(await session.allocate({ family: 6 })) === 0) logins++
          session.close()
        }),
      )
    }
    t.ok(logins > 500, `${logins} logins`)

    const flood = await flooding(t)
    // On a busy machine the flood may take a while to be one.
    let others = 20
    for (let i = 0; i < 20 && others >= 18; i++) others = await answered('2a00:77::9')
    t.ok(others < 18, `others are answered by chance: ${others} of 20`)
    t.ok((await answered('2a00:5:0:102::9')) >= 18, 'a neighbour of the known one is answered')
    flood()
  })
  t.end()
})

async function start(t: Test): Promise<{ readonly pid: number }> {
  const here = Namespace.own()
  here.address('lo', `${HOST}/128`)
  // Any address of these may be a source.
  here.set('net/ipv6/ip_nonlocal_bind', 1)
  for (const prefix of ['2a00:1::/32', '2a00:5::/32', '2a00:77::/32', '2a00:100::/24'])
    here.run('ip', '-6', 'route', 'add', 'local', prefix, 'dev', 'lo')
  const { file } = writeConfig({
    listen: [`udp://[${HOST}]:${PORT}`, `tcp://[${HOST}]:${PORT}`],
    relay: { addresses: [HOST], ports: '20000-30000' },
    homeservers: [{ name: 'example.org', secrets: [SECRET] }],
    limits: {
      connections: CONNECTIONS,
      connectionsPerAddress: EACH,
      unverifiedAnswers: ANSWERS,
      requestsPerUserPerSecond: 'unlimited',
      allocationsPerUser: 2000,
      allocationsPerUserPerMinute: 'unlimited',
    },
    console: false,
    control: false,
    metrics: false,
    workers: 1,
  })
  const child = new Child(process.execPath, [MAIN, 'serve', '--config', file])
  t.teardown(() => child.stop())
  await child.says(/"msg":"ready"|ready/)
  return { pid: child.pid }
}

/** Opens connections that each send all but a few octets of a frame, of as many octets as are kept of a stranger's. */
async function hold(t: Test, from: (i: number) => string, count: number): Promise<Socket[]> {
  const frame = Buffer.alloc(2000)
  frame.writeUInt16BE(1, 0)
  frame.writeUInt16BE(frame.length - 20, 2)
  frame.writeUInt32BE(0x2112a442, 4)
  const held: Socket[] = []
  for (let i = 0; i < count; i++) {
    const socket = connect({ host: HOST, port: PORT, localAddress: from(i) })
    socket.on('error', () => {})
    socket.on('data', () => {})
    t.teardown(() => socket.destroy())
    held.push(socket)
    await Promise.race([once(socket, 'connect'), once(socket, 'close')]).catch(() => {})
    socket.write(frame.subarray(0, frame.length - 4))
  }
  return held
}

function open(sockets: readonly Socket[]): number {
  return sockets.filter(socket => !socket.destroyed && !socket.readableEnded).length
}

function close(sockets: readonly Socket[]): void {
  for (const socket of sockets) socket.destroy()
}

/** How many of so many newcomers over TCP, each from a network of its own, are answered. */
async function served(count: number): Promise<number> {
  let good = 0
  for (let i = 0; i < count; i++) {
    const socket = connect({ host: HOST, port: PORT, localAddress: `2a00:5:${i.toString(16)}::1` })
    socket.on('error', () => {})
    socket.write(bindingRequest())
    const [came] = await Promise.race([
      once(socket, 'data').catch(() => []),
      once(socket, 'close').catch(() => []),
      sleep(5000).then(() => []),
    ])
    if (Buffer.isBuffer(came)) good++
    socket.destroy()
  }
  return good
}

/** Uses up the answers in all, from hundreds of networks, until it is told to stop. */
async function flooding(t: Test): Promise<() => void> {
  const sockets: UdpSocket[] = []
  for (let i = 0; i < 200; i++) {
    const socket = createSocket('udp6')
    socket.on('error', () => {})
    socket.bind(0, `2a00:5:${(0x1000 + i).toString(16)}::1`)
    await once(socket, 'listening')
    sockets.push(socket)
  }
  const timer = setInterval(() => {
    for (const socket of sockets) socket.send(bindingRequest(), PORT, HOST)
  }, 10)
  const stop = () => {
    clearInterval(timer)
    for (const socket of sockets.splice(0)) socket.close()
  }
  t.teardown(stop)
  await sleep(1500)
  return stop
}

/** How many of twenty first requests from an address are answered. */
async function answered(from: string): Promise<number> {
  let good = 0
  for (let i = 0; i < 20; i++) {
    const socket = createSocket('udp6')
    socket.bind(0, from)
    await once(socket, 'listening')
    socket.send(bindingRequest(), PORT, HOST)
    const came = await Promise.race([once(socket, 'message').then(() => true), sleep(300).then(() => false)])
    if (came) good++
    socket.close()
  }
  return good
}

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 100 && !holds(); i++) await sleep(50)
}
