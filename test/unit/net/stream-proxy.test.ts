import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import type { TLSSocket } from 'node:tls'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import {
  type Address,
  formatAddress,
  formatIp,
  ipKey,
  parseAddress,
  parseIp,
} from '../../../src/base/address.ts'
import { localProxyHeader, writeProxyHeader } from '../../../src/net/proxy/write-proxy-header.ts'
import { makeCertificate } from './certificate.ts'
import { echo } from './recorder.ts'
import { StreamWorld, stunFrame } from './stream-world.ts'
import { material, shake } from './tls-client.ts'

const CLIENT = parseAddress('192.0.2.1:51000')!
const HEADER = writeProxyHeader(CLIENT, parseAddress('198.51.100.1:443')!)
const LINE = 'PROXY TCP4 192.0.2.1 198.51.100.1 51000 443\r\n'
const rsa = makeCertificate({ kind: 'rsa' })

interface Opened {
  readonly world: StreamWorld
  readonly at: Address
}

/** A port that expects PROXY headers of 127.0.0.1. */
async function open(
  t: Test,
  port: 'tcp' | 'tls' = 'tcp',
  limits = { connections: 100, connectionsPerAddress: 100 },
): Promise<Opened> {
  const world = new StreamWorld(t, limits)
  const proxy = ipKey(parseIp('127.0.0.1')!)
  world.streams.setFront(ip => ipKey(ip) === proxy, undefined)
  world.streams.setTls(material(t, rsa).options)
  world.inbox.answer = batch => {
    echo(batch)
    world.sockets.send(batch)
  }
  return { world, at: await world.listen(port, '127.0.0.1:0', { proxy: true }) }
}

for (const [what, header, from] of [
  ['version 1', Buffer.from(LINE), '192.0.2.1:51000'],
  ['version 2', HEADER, '192.0.2.1:51000'],
  [
    'version 2, IPv4 written as IPv6',
    writeProxyHeader(parseAddress('[::ffff:192.0.2.1]:51000')!, parseAddress('[2001:db8::1]:443')!),
    '192.0.2.1:51000',
  ],
  [
    'version 2, IPv6',
    writeProxyHeader(parseAddress('[2001:db8::7]:51000')!, parseAddress('[2001:db8::1]:443')!),
    '[2001:db8::7]:51000',
  ],
] as const) {
  t.test(`O-23, P-19: a client is who its proxy says it is (${what})`, async t => {
    const { world, at } = await open(t)
    const client = await world.client(at)

    client.write(Buffer.concat([header, stunFrame(1)]))
    const [received] = await world.inbox.some(1)

    t.equal(formatAddress(received!.from), from)
    t.ok((await client.read(20)).equals(stunFrame(1)), 'and is answered')
    t.equal(world.counters.read('proxied'), 1)
  })
}

t.test('O-23: the header comes in clear before TLS, and TLS after it, also in the same segment', async t => {
  for (const apart of [false, true]) {
    const { world, at } = await open(t, 'tls')
    const raw = connectTcp({ host: formatIp(at.ip), port: at.port, noDelay: true })
    await once(raw, 'connect')
    if (apart) {
      for (const octet of HEADER) raw.write(Buffer.of(octet))
      while (world.counters.read('proxied') === 0) await new Promise(resolve => setImmediate(resolve))
    } else {
      raw.cork()
      raw.write(HEADER)
      process.nextTick(() => raw.uncork())
    }
    const client = await shake(t, at, { socket: raw })
    client.write(stunFrame(1))

    t.equal((await client.read(20)).length, 20)
    t.equal(formatAddress(world.inbox.all[0]!.from), '192.0.2.1:51000')
    t.equal(world.ids.via(world.inbox.all[0]!.socket), 'tls')
    t.ok((client.socket as TLSSocket).getProtocol())
  }
})

t.test('O-23: header and frames are read wherever the stream is cut', async t => {
  const { world, at } = await open(t)
  const stream = Buffer.concat([HEADER, stunFrame(1, 8), stunFrame(2, 4)])
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(stream.length), { maxLength: 6 }), async cuts => {
      const client = await world.client(at)
      const places = [...new Set([0, ...cuts.toSorted((a, b) => a - b), stream.length])]
      for (let i = 1; i < places.length; i++) {
        client.write(stream.subarray(places[i - 1]!, places[i]!))
        await new Promise(resolve => setImmediate(resolve))
      }
      const answer = await client.read(52)
      client.socket.destroy()
      return answer.equals(stream.subarray(HEADER.length))
    }),
    { numRuns: 40 },
  )
  t.ok(world.inbox.all.every(({ from }) => formatAddress(from) === '192.0.2.1:51000'))
})

for (const [what, octets, why, counter] of [
  ['no header but STUN', stunFrame(1), 'proxy-missing', 'unservedProxyMissing'],
  ['no header but TLS', Buffer.from('1603010005', 'hex'), 'proxy-missing', 'unservedProxyMissing'],
  ['no header but HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'proxy-missing', 'unservedProxyMissing'],
  ['a broken line', Buffer.from('PROXY TCP4 nobody\r\n'), 'proxy-malformed', 'unservedProxyMalformed'],
  [
    'an endless line',
    Buffer.from(`PROXY TCP4 ${'1'.repeat(2000)}`),
    'proxy-malformed',
    'unservedProxyMalformed',
  ],
  [
    'a header of another version',
    Buffer.from('0d0a0d0a000d0a515549540a31110000', 'hex'),
    'proxy-malformed',
    'unservedProxyMalformed',
  ],
] as const) {
  t.test(`O-23: a connection of a proxy with ${what} ends, is told of and counted`, async t => {
    const { world, at } = await open(t)
    const client = await world.client(at)

    client.write(octets)
    await client.end()
    await world.empty()

    t.match(world.unserved, [{ why }])
    t.equal(world.counters.read(counter), 1)
    t.equal(world.inbox.all.length, 0)
    t.equal(world.ids.open, 0)
  })
}

t.test('O-23: who is not a proxy is refused, whatever it says, and counted', async t => {
  const { world, at } = await open(t)
  const client = await world.client(at, '127.0.0.2')

  client.write(Buffer.concat([HEADER, stunFrame(1)]))
  await client.end()

  t.match(world.unserved, [{ why: 'proxy-source', from: { ip: parseIp('127.0.0.2')! } }])
  t.equal(world.counters.read('unservedProxySource'), 1)
  t.equal(world.counters.read('streamOpened'), 0)
})

t.test('O-23: on a port that expects no header, one is still refused', async t => {
  const { world } = await open(t)
  const at = await world.listen()
  const client = await world.client(at)

  client.write(HEADER)
  await client.end()

  t.match(world.unserved, [{ why: 'proxy-header' }])
})

t.test(
  'O-23: health checks of a proxy pass without a word: they connect, say that nobody is there, or shake hands',
  async t => {
    const { world, at } = await open(t, 'tls')
    const bare = await world.client(at)
    bare.socket.end()
    await bare.end()
    for (const header of [localProxyHeader(), Buffer.from('PROXY UNKNOWN\r\n')]) {
      const check = await world.client(at)
      check.write(header)
      while (world.counters.read('proxyOwn') === 0) await new Promise(resolve => setImmediate(resolve))
      check.socket.end()
      await check.end()
    }
    const raw = connectTcp({ host: formatIp(at.ip), port: at.port })
    raw.write(localProxyHeader())
    const secure = await shake(t, at, { socket: raw })
    secure.socket.end()
    await world.empty()

    t.same(world.unserved, [])
    t.equal(world.counters.read('proxyOwn'), 3)
  },
)

t.test('O-23: a proxy that speaks for itself is served as itself', async t => {
  const { world, at } = await open(t)
  const client = await world.client(at)

  client.write(Buffer.concat([localProxyHeader(), stunFrame(1)]))
  const [received] = await world.inbox.some(1)

  t.equal(formatIp(received!.from.ip), '127.0.0.1')
  t.equal(received!.from.port, client.socket.localPort)
})

t.test(
  'O-23: a header that is not whole in ten seconds ends its connection, which has left nothing',
  async t => {
    const { world, at } = await open(t)
    const client = await world.client(at)
    client.write(HEADER.subarray(0, 20))
    for (let i = 0; i < 20; i++) await new Promise(resolve => setImmediate(resolve))

    world.advance(9)
    t.equal(world.streams.open, 1)
    world.advance(1)
    await client.end()
    await world.empty()

    t.equal(world.ids.open, 0)
  },
)

t.test('O-23: clients behind one proxy have shares of their own', async t => {
  const { world, at } = await open(t, 'tcp', { connections: 100, connectionsPerAddress: 2 })
  const connect = async (ip: string) => {
    const client = await world.client(at)
    client.write(Buffer.concat([writeProxyHeader(parseAddress(`${ip}:1000`)!, CLIENT), stunFrame(1)]))
    return client
  }
  const others = []
  for (let i = 1; i <= 6; i++) {
    others.push(await connect(`192.0.${i}.1`))
    await world.inbox.some(i)
  }
  // The third of one address makes the first of that address go, and nobody else.
  const own = []
  for (let i = 0; i < 3; i++) {
    own.push(await connect('198.51.100.9'))
    await world.inbox.some(7 + i)
  }
  await own[0]!.end()

  t.equal(others.filter(({ closed }) => closed).length, 0)
  t.same(
    own.map(({ closed }) => closed),
    [true, false, false],
  )
})

t.test('O-23, OW-11: bans and lists of clients are about the client, and never about its proxy', async t => {
  const { world, at } = await open(t)
  const denied = new Set(['192.0.2.1', '127.0.0.1'].map(ip => ipKey(parseIp(ip)!)))
  world.streams.keepOut(ip => !denied.has(ipKey(ip)))
  const [one, other] = [await world.client(at), await world.client(at)]
  one.write(Buffer.concat([HEADER, stunFrame(1)]))
  other.write(Buffer.concat([writeProxyHeader(parseAddress('192.0.2.2:1')!, CLIENT), stunFrame(2)]))
  await one.end()
  await world.inbox.some(1)

  t.equal(formatIp(world.inbox.all[0]!.from.ip), '192.0.2.2')
  t.equal(world.counters.read('dropClient'), 1)

  world.streams.keepOut(ip => formatIp(ip) !== '192.0.2.2')
  await other.end()
  await world.empty()
})

t.test(
  'O-23: an allocation keeps the connection of its client, by the address that the proxy has named',
  async t => {
    const { world, at } = await open(t)
    const client = await world.client(at)
    client.write(Buffer.concat([HEADER, stunFrame(1)]))
    await world.inbox.some(1)

    world.streams.keepClient(CLIENT, true)
    world.advance(3600)
    t.equal(world.streams.open, 1)
    world.streams.keepClient(CLIENT, false)
    world.advance(60)
    await client.end()
  },
)

t.test('O-23: how the proxy names a connection is told where it is not served', async t => {
  const { world, at } = await open(t)
  const client = await world.client(at)
  const id = Buffer.from('C0A80001:01BB')
  const header = Buffer.concat([HEADER.subarray(0, 28), Buffer.from([5, 0, id.length]), id])
  header.writeUInt16BE(header.length - 16, 14)

  client.write(Buffer.concat([header, Buffer.from('GET / HTTP/1.1\r\n\r\n')]))
  await client.end()

  t.match(world.unserved, [{ why: 'http', uniqueId: 'C0A80001:01BB', from: CLIENT }])
})
