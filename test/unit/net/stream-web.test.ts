import { once } from 'node:events'
import { connect as connectHttp2, createSecureServer } from 'node:http2'
import { connect as connectTcp, createServer, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { type Address, formatIp, parseAddress } from '../../../src/base/address.ts'
import type { Seconds } from '../../../src/base/time.ts'
import { readProxyHeader } from '../../../src/net/proxy/proxy-header.ts'
import { isForRelay, type WebServer } from '../../../src/net/stream/web/web-door.ts'
import { loadAddon } from '../../../src/system/native-addon.ts'
import { makeCertificate } from './certificate.ts'
import { echo } from './recorder.ts'
import { StreamWorld, stunFrame } from './stream-world.ts'
import { material, shake } from './tls-client.ts'

const ours = makeCertificate({ kind: 'rsa' })
const theirs = makeCertificate({ name: 'cloud.test' })

for (const [what, serverName, protocols, isOurs] of [
  ['a WebRTC client: our name, no protocol', 'turn.test', [], true],
  ['a WebRTC client that has but an address', undefined, [], true],
  ['a TURN client that says so, by any name', 'cloud.test', ['stun.turn'], true],
  ['one for NAT discovery', undefined, ['stun.nat-discovery'], true],
  ['one that knows both', 'turn.test', ['h2', 'stun.turn'], true],
  ['a browser', 'cloud.test', ['h2', 'http/1.1'], false],
  ['a browser that was given our name', 'turn.test', ['h2', 'http/1.1'], false],
  ['a browser that was given our address', undefined, ['h2', 'http/1.1'], false],
  ['an old HTTP client', 'cloud.test', [], false],
  ['who issues certificates by TLS-ALPN-01', 'turn.test', ['acme-tls/1'], false],
] as const) {
  t.test(`OW-02: ${what} is ${isOurs ? 'the relay’s' : 'the web server’s'}`, async t => {
    t.equal(isForRelay({ serverName, protocols }, ['turn.test']), isOurs)
  })
}

interface Opened {
  readonly world: StreamWorld
  readonly at: Address
}

/** A port that is shared with what listens on this port of 127.0.0.1. */
async function openWith(
  pumps: boolean,
  t: Test,
  port: number,
  more: Partial<WebServer> = {},
  proxy = false,
): Promise<Opened> {
  const world = new StreamWorld(t, undefined, { pumps })
  world.streams.setTls(material(t, ours).options)
  world.streams.setFront(() => true, {
    to: parseAddress(`127.0.0.1:${port}`)!,
    names: ['turn.test'],
    proxy: false,
    connections: 100,
    connectionsPerAddress: 100,
    idle: 600 as Seconds,
    ...more,
  })
  world.inbox.answer = batch => {
    echo(batch)
    world.sockets.send(batch)
  }
  return { world, at: await world.listen('tls', '127.0.0.1:0', { web: true, proxy }) }
}

type Open = (t: Test, port: number, more?: Partial<WebServer>, proxy?: boolean) => Promise<Opened>

/** Octets pass by a thread of the addon, or by JavaScript; nobody can tell which. */
function inBothWays(name: string, run: (t: Test, open: Open) => Promise<void>): void {
  const addon = loadAddon()
  for (const [way, pumps, skip] of [
    ['by the addon', true, !addon.ok && addon.error],
    ['by JavaScript', false, false],
  ] as const)
    t.test(`${name} (${way})`, { skip }, t => run(t, openWith.bind(undefined, pumps)))
}

/** An HTTP/2 server with a certificate of its own. */
async function webServer(t: Test): Promise<number> {
  const server = createSecureServer({ cert: theirs.certificate, key: theirs.key, allowHTTP1: true })
  server.on('request', (request, response) => {
    response.setHeader('x-version', request.httpVersion)
    request.pipe(response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as { port: number }).port
}

/** What takes connections and does with them what the test says. */
async function rawServer(t: Test, take: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    take(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as { port: number }).port
}

/** A ClientHello for cloud.test with the protocol h2, as OpenSSL of this Node sends it. */
async function foreignHello(t: Test): Promise<Buffer> {
  let hello: Buffer | undefined
  const port = await rawServer(t, socket => {
    socket.once('data', chunk => {
      hello = chunk
    })
  })
  const at = parseAddress(`127.0.0.1:${port}`)!
  shake(t, at, { servername: 'cloud.test', ALPNProtocols: ['h2'] }).catch(() => {})
  await until(() => hello !== undefined)
  return hello!
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(resolve => setImmediate(resolve))
}

inBothWays(
  'OW-02: HTTP/2 goes through to the web server, with its own certificate, while TURN is served on the same port',
  async (t, open) => {
    const { world, at } = await open(t, await webServer(t))

    const session = connectHttp2(`https://${formatIp(at.ip)}:${at.port}`, {
      servername: 'cloud.test',
      rejectUnauthorized: false,
    })
    t.teardown(() => session.destroy())
    const body = Buffer.alloc(3_000_000, 'x')
    const request = session.request({ ':method': 'POST', ':path': '/' })
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    const headers = once(request, 'response')
    request.end(body)
    const client = await shake(t, at)
    client.write(stunFrame(1))

    t.equal((await client.read(20)).length, 20)
    t.equal((client.socket as TLSSocket).getPeerCertificate().subject.CN, 'turn.test')
    const [{ ':status': status, 'x-version': version }] = await headers
    await once(request, 'end')
    t.match({ status, version }, { status: 200, version: '2.0' })
    t.ok(Buffer.concat(chunks).equals(body), 'back-pressure loses nothing')
    const peer = (session.socket as TLSSocket).getPeerCertificate?.()
    t.match(peer?.subject ?? { CN: 'cloud.test' }, { CN: 'cloud.test' })
    t.equal(world.streams.visitors, 1)
    world.streams.sweep()
    t.ok(world.counters.read('webToServer') > 3_000_000)
    t.ok(world.counters.read('webToClient') > 3_000_000)
  },
)

inBothWays(
  'OW-02: what comes out is what went in, octet by octet, from the first of the ClientHello on',
  async (t, open) => {
    const hello = await foreignHello(t)
    const heard: Buffer[] = []
    const port = await rawServer(t, socket => socket.on('data', chunk => heard.push(chunk)))
    const { world, at } = await open(t, port)
    const raw = await world.client(at)
    const all = Buffer.concat([hello, Buffer.from('and more')])

    for (const octet of all) {
      raw.write(Buffer.of(octet))
      await new Promise(resolve => setImmediate(resolve))
    }
    await until(() => Buffer.concat(heard).length >= all.length)

    t.ok(Buffer.concat(heard).equals(all))
    t.equal(world.ids.open, 0)
    t.same(world.unserved, [])
  },
)

for (const [what, proxied, client] of [
  ['its own address', false, '127.0.0.1'],
  ['the address that the proxy in front has named', true, '192.0.2.1'],
] as const) {
  inBothWays(`OW-02: the web server is told who the visitor is: ${what}`, async (t, open) => {
    const hello = await foreignHello(t)
    const heard: Buffer[] = []
    const port = await rawServer(t, socket => socket.on('data', chunk => heard.push(chunk)))
    const { world, at } = await open(t, port, { proxy: true }, proxied)
    const visitor = await world.client(at)

    const line = proxied ? Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.1 51000 443\r\n') : Buffer.alloc(0)
    visitor.write(Buffer.concat([line, hello]))
    await until(() => Buffer.concat(heard).length >= 28 + hello.length)

    const header = readProxyHeader(Buffer.concat(heard))
    if (header.kind !== 'header') throw new Error(header.kind)
    t.equal(formatIp(header.client!.ip), client)
    t.equal(header.client!.port, proxied ? 51000 : visitor.socket.localPort)
    t.ok(Buffer.concat(heard).subarray(header.length).equals(hello))
  })
}

inBothWays('OW-02: a side that has sent everything may still be answered', async (t, open) => {
  const hello = await foreignHello(t)
  const port = await rawServer(t, socket => {
    socket.resume()
    socket.on('end', () => {
      socket.write('late ')
      setImmediate(() => socket.end('words'))
    })
  })
  const { world, at } = await open(t, port)
  const visitor = connectTcp({ host: formatIp(at.ip), port: at.port, allowHalfOpen: true })
  const heard: Buffer[] = []
  visitor.on('data', chunk => heard.push(chunk))
  visitor.end(hello)
  await once(visitor, 'end')

  t.equal(Buffer.concat(heard).toString(), 'late words')
  await world.empty()
  t.equal(world.streams.visitors, 0)
})

inBothWays(
  'OW-02: a visitor who does not read holds up the web server, and no more is kept than buffers of sockets',
  async (t, open) => {
    const hello = await foreignHello(t)
    let waiting: Socket | undefined
    const port = await rawServer(t, socket => {
      waiting = socket
      socket.resume()
    })
    const { world, at } = await open(t, port)
    const visitor = await world.client(at)
    visitor.write(hello)
    await until(() => waiting !== undefined)
    visitor.socket.pause()

    // Kernels take a few megabytes on either side.
    const chunk = Buffer.alloc(1 << 20)
    let idle = 0
    for (let i = 0; i < 64 && idle < 400; ) {
      if (waiting!.writableLength < chunk.length) {
        waiting!.write(chunk)
        i++
        idle = 0
      } else idle++
      await new Promise(resolve => setImmediate(resolve))
    }
    world.streams.sweep()
    const passed = world.counters.read('webToClient')

    t.ok(passed < 32 << 20, `${passed} octets of 64 MiB`)
    t.ok(waiting!.writableLength > 0, 'the rest waits at the web server')
  },
)

inBothWays(
  'OW-02: a web server that is not there is told of, and the visitor is hung up on',
  async (t, open) => {
    const hello = await foreignHello(t)
    const { world, at } = await open(t, 1)
    const visitor = await world.client(at)

    visitor.write(hello)
    await visitor.end()
    await world.empty()

    t.match(world.unserved, [{ why: 'web-unreachable', detail: /ECONNREFUSED/ }])
    t.equal(world.counters.read('unservedWebUnreachable'), 1)
    t.equal(world.streams.visitors, 0)
  },
)

inBothWays('OW-02: when either end is gone, so is the other', async (t, open) => {
  const hello = await foreignHello(t)
  const sockets: Socket[] = []
  const port = await rawServer(t, socket => {
    socket.resume()
    sockets.push(socket)
  })
  const { world, at } = await open(t, port)
  const [one, other] = [await world.client(at), await world.client(at)]
  one.write(hello)
  await until(() => sockets.length === 1)
  other.write(hello)
  await until(() => sockets.length === 2)

  sockets[0]!.resetAndDestroy()
  await one.end()
  other.socket.resetAndDestroy()
  await until(() => sockets[1]!.destroyed || sockets[1]!.readableEnded)
  await world.empty()

  t.equal(world.streams.visitors, 0)
  t.equal(world.counters.read('webClosed'), 2)
})

inBothWays(
  'OW-02: visitors take nothing of the clients’ share, and have limits of their own',
  async (t, open) => {
    const hello = await foreignHello(t)
    const port = await rawServer(t, socket => socket.resume())
    const { world, at } = await open(t, port, { connectionsPerAddress: 2 })
    world.streams.setLimits({ connections: 100, connectionsPerAddress: 1 })
    const visitors = []
    for (let i = 1; i <= 2; i++) {
      const visitor = await world.client(at)
      visitor.write(hello)
      await until(() => world.streams.visitors === i)
      visitors.push(visitor)
    }
    const third = await world.client(at)
    third.write(hello)
    await third.end()
    const client = await shake(t, at)
    client.write(stunFrame(1))

    t.equal((await client.read(20)).length, 20)
    t.match(world.unserved, [{ why: 'web-full' }])
    t.same(
      visitors.map(({ closed }) => closed),
      [false, false],
    )
  },
)

inBothWays(
  'OW-02: a connection on which nothing passes ends after the time for that, and not before',
  async (t, open) => {
    const hello = await foreignHello(t)
    let web: Socket | undefined
    const port = await rawServer(t, socket => {
      socket.resume()
      web = socket
    })
    const { world, at } = await open(t, port, { idle: 30 as Seconds })
    const visitor = await world.client(at)
    visitor.write(hello)
    await until(() => web !== undefined)
    world.advance(29)
    visitor.write('x')
    await until(() => {
      world.streams.sweep()
      return world.counters.read('webToServer') === hello.length + 1
    })

    world.advance(29)
    t.equal(world.streams.visitors, 1)
    world.advance(1)
    await visitor.end()
    await world.empty()
    t.equal(world.streams.visitors, 0)
  },
)

for (const [what, octets, why] of [
  ['plain STUN', stunFrame(1), 'plain-on-tls'],
  ['HTTP without TLS', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'http'],
  ['TLS that is broken', Buffer.from('160301000502000001ff', 'hex'), 'tls-other'],
] as const) {
  inBothWays(`OW-02: ${what} is nobody's on a shared tls port`, async (t, open) => {
    const { world, at } = await open(t, 1)
    const client = await world.client(at)
    client.write(octets)
    await client.end()

    t.match(world.unserved, [{ why }])
  })
}

inBothWays(
  'OW-02: a ClientHello that does not come to an end does not keep its connection',
  async (t, open) => {
    const { world, at } = await open(t, 1)
    const client = await world.client(at)
    client.write(Buffer.from('16030100ff010000fb0303', 'hex'))
    for (let i = 0; i < 20; i++) await new Promise(resolve => setImmediate(resolve))
    world.advance(10)
    await client.end()
    await world.empty()

    t.equal(world.streams.open, 0)
  },
)

/** A visitor whose connection has been passed on to a web server that says nothing. */
async function visit(t: Test, open: Open) {
  const hello = await foreignHello(t)
  const port = await rawServer(t, socket => socket.resume())
  const { world, at } = await open(t, port)
  const visitor = await world.client(at)
  visitor.write(hello)
  await until(() => world.streams.visitors === 1)
  return { world, visitor }
}

inBothWays('OW-11: visitors who are banned are cut off as clients are', async (t, open) => {
  const { world, visitor } = await visit(t, open)

  world.streams.keepOut(() => false)
  await visitor.end()
  await world.empty()
})

inBothWays('OW-02: when the relay stops, visitors are hung up on', async (t, open) => {
  const { world, visitor } = await visit(t, open)

  world.streams.stop()
  await new Promise<void>(resolve => world.streams.closed(resolve))
  await visitor.end()
})
