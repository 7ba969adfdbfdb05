import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { type Address, formatIp } from '../../../src/base/address.ts'
import { type CounterName, counterEntries, UNSERVED_COUNTERS } from '../../../src/base/counters.ts'
import type { UnservedReason } from '../../../src/core/event.ts'
import { chooseProtocol } from '../../../src/net/stream/tls/tls-acceptor.ts'
import { makeCertificate } from './certificate.ts'
import { echo } from './recorder.ts'
import { StreamWorld, stunFrame } from './stream-world.ts'
import { material, shake } from './tls-client.ts'

const rsa = makeCertificate({ kind: 'rsa' })

for (const port of ['tls', 'tcp'] as const) {
  t.test(`TLS is served on a ${port} port [STUN-TCP-09]`, async t => {
    const { world, at } = await open(t, port)

    const client = await shake(t, at)
    client.write(stunFrame(1, 8))
    const answer = await client.read(28)

    t.ok(answer.equals(stunFrame(1, 8)))
    t.equal(world.ids.via(world.inbox.all[0]!.socket), 'tls')
  })
}

t.test('a tcp port serves both kinds of client at once [STUN-TCP-09]', async t => {
  const { world, at } = await open(t, 'tcp')
  const [plain, secure] = [await world.client(at), await shake(t, at)]

  plain.write(stunFrame(1))
  await plain.read(20)
  secure.write(stunFrame(2))
  await secure.read(20)

  t.strictSame(
    world.inbox.all.map(one => world.ids.via(one.socket)),
    ['tcp', 'tls'],
  )
})

for (const servername of ['', 'turn.test']) {
  const title = servername ? 'who asks for it by name gets them in one' : 'each frame is a record of its own'
  t.test(`over TLS, frames that are sent together: ${title}`, async t => {
    const { world, at } = await open(t)
    const client = await shake(t, at, { servername })
    client.write(stunFrame(1))
    await client.read(20)
    const records: number[] = []
    client.socket.on('data', chunk => records.push(chunk.length))
    const { socket, from } = world.inbox.all[0]!
    const sent = [4, 8, 40, 1200, 20_000, 8].map((octets, i) => stunFrame(i, octets))

    for (const frame of sent) world.streams.sendOne(socket, from, frame)
    const all = await client.read(20 + Buffer.concat(sent).length)

    // The longest record of TLS is 16,384 octets.
    t.strictSame(records, servername ? [16_384, 4996] : [24, 28, 60, 1220, 16_384, 3636, 28])
    t.ok(all.subarray(20).equals(Buffer.concat(sent)))
  })
}

t.test('a tls port takes nothing but TLS', async t => {
  const { world, at } = await open(t, 'tls')
  const client = await world.client(at)

  client.write(stunFrame(1, 100))
  await client.end()

  t.equal(world.inbox.all.length, 0)
  t.equal(world.counters.read('unservedPlainOnTls'), 1)
})

t.test('a hello that comes octet by octet is recognised all the same [STUN-TCP-09]', async t => {
  const { at } = await open(t, 'tcp')
  const client = await shake(t, at, { socket: dripping(at) })
  client.write(stunFrame(1))

  t.equal((await client.read(20)).length, 20)
})

t.test('TLS 1.2 with ECDHE-RSA-AES128-GCM-SHA256 is served [STUN-TLS-01]', async t => {
  const { at } = await open(t)

  const client = await shake(t, at, { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' })

  t.equal((client.socket as TLSSocket).getCipher().name, 'ECDHE-RSA-AES128-GCM-SHA256')
})

for (const [what, options] of [
  ['TLS 1.1', { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' }],
  ['RSA key exchange', { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' }],
  ['CBC', { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-SHA' }],
  ['3DES', { maxVersion: 'TLSv1.2', ciphers: 'ALL:!AESGCM:!CHACHA20@SECLEVEL=0' }],
] as const) {
  t.test(`${what} is not served [STUN-TLS-02]`, async t => {
    const { world, at } = await open(t)

    await t.rejects(shake(t, at, options))

    t.equal(world.inbox.all.length, 0)
  })
}

for (const cipher of ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256']) {
  t.test(`TLS 1.3 with ${cipher} is served [STUN-TLS-03]`, async t => {
    const { at } = await open(t)

    const client = await shake(t, at, { minVersion: 'TLSv1.3', ciphers: cipher })

    t.equal((client.socket as TLSSocket).getCipher().name, cipher)
  })
}

t.test('nothing is compressed and nothing renegotiated [STUN-TLS-02, ABU-12]', async t => {
  const { at } = await open(t)
  const client = await shake(t, at, { maxVersion: 'TLSv1.2' })
  const socket = client.socket as TLSSocket

  const outcome = await new Promise(resolve => {
    socket.on('error', resolve)
    socket.renegotiate({}, error => resolve(error ?? 'renegotiated'))
  })

  t.type(outcome, Error)
})

for (const [ids, offered, chosen] of [
  ['ALPN-01', ['stun.turn'], 'stun.turn'],
  ['ALPN-01', ['h2', 'stun.nat-discovery', 'stun.turn'], 'stun.turn'],
  ['S-23, ALPN-04', ['h2', 'http/1.1'], false],
] as const) {
  t.test(`of ${offered.join(', ')} the protocol is ${chosen} [${ids}]`, async t => {
    const { at } = await open(t)

    const client = await shake(t, at, { ALPNProtocols: [...offered] })

    t.equal((client.socket as TLSSocket).alpnProtocol, chosen)
  })
}

t.test('a client that offers no protocol is served, as browsers are [ALPN-03]', async t => {
  const { at } = await open(t)

  const client = await shake(t, at)

  t.equal((client.socket as TLSSocket).alpnProtocol, false)
})

t.test('S-23: a hello that comes octet by octet has its protocols read all the same [ALPN-01]', async t => {
  const { at } = await open(t)

  const client = await shake(t, at, { socket: dripping(at), ALPNProtocols: ['h2', 'stun.turn'] })

  t.equal((client.socket as TLSSocket).alpnProtocol, 'stun.turn')
})

t.test('who offers NAT discovery and not TURN is told that it is not here [ALPN-04]', async t => {
  const { at } = await open(t)

  await t.rejects(shake(t, at, { ALPNProtocols: ['stun.nat-discovery'] }), {
    code: 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL',
  })
})

t.test('choosing a protocol never throws, whatever the client offers [ALPN-05, NODE-04, SEC-67]', async t => {
  for (const protocols of [[], [''], ['\0'], ['__proto__'], Array.from({ length: 5000 }, () => 'x')]) {
    t.doesNotThrow(() => chooseProtocol({ protocols }))
  }
})

t.test(
  'a list of protocols that is malformed ends its connection and nothing else [ALPN-05, NODE-04, SEC-67]',
  async t => {
    const { world, at } = await open(t)
    for (const list of ['0000', '000100', '000502683205', '0003056832', 'ffff02', '00030268']) {
      const client = await world.client(at)

      client.write(clientHello(Buffer.from(list, 'hex')))
      await client.end()
    }
    // The closing of the last one may still be on its way.
    while (world.streams.open > 0) await new Promise(resolve => setImmediate(resolve))

    t.equal(world.counters.read('tlsFailed'), 6)
    const client = await shake(t, at)
    client.write(stunFrame(1))
    t.equal((await client.read(20)).length, 20)
  },
)

t.test('a handshake that is not done within ten seconds is ended', async t => {
  const { world, at } = await open(t)
  const client = await world.client(at)
  client.write(Buffer.from('1603010200', 'hex'))
  await turns()

  world.advance(9)
  t.equal(world.streams.open, 1)
  world.advance(1)
  await client.end()

  t.equal(world.counters.read('tlsFailed'), 1)
})

t.test('a client that breaks off is hung up on once, and the others stay', async t => {
  const { world, at } = await open(t)
  const [one, other] = [await shake(t, at), await shake(t, at)]
  one.write(stunFrame(1))
  await one.read(20)

  one.socket.destroy()
  await world.inbox.until(() => world.inbox.hangups.length > 0)
  other.write(stunFrame(2))
  await other.read(20)

  t.strictSame(world.inbox.hangups, [world.inbox.all[0]!.socket])
})

t.test('octets that break the encryption end the connection', async t => {
  const { world, at } = await open(t)
  const raw = connectTcp({ host: formatIp(at.ip), port: at.port })
  const client = await shake(t, at, { socket: raw })
  client.write(stunFrame(1))
  await client.read(20)

  raw.write(Buffer.from('1703030020'.padEnd(74, '0'), 'hex'))
  await world.inbox.until(() => world.inbox.hangups.length > 0)

  t.equal(world.ids.open, 0)
})

t.test('a client that does not read loses datagrams over TLS too', async t => {
  const { world, at } = await open(t)
  world.inbox.answer = () => {}
  const client = await shake(t, at)
  client.write(stunFrame(1))
  const { socket, from } = (await world.inbox.some(1))[0]!
  client.socket.pause()
  const packet = Buffer.concat([Buffer.from('400104ac', 'hex'), Buffer.alloc(1196, 7)])

  for (let i = 0; i < 300; i++) {
    for (let j = 0; j < 100; j++) world.sockets.sendOne(socket, from, packet)
    await new Promise(resolve => setImmediate(resolve))
  }

  const dropped = world.counters.read('dropSlowStream')
  t.ok(dropped > 15_000, `${dropped} of 30000 dropped`)
  client.socket.resume()
  const arrived = await client.read((30_000 - dropped) * 1200)
  t.equal(arrived.length, (30_000 - dropped) * 1200)
})

t.test('a new certificate is served to new connections, and the old ones live on', async t => {
  const { world, at } = await open(t)
  const before = await shake(t, at)
  const next = makeCertificate({ name: 'next.test' })

  world.streams.setTls(material(t, next).options)
  const after = await shake(t, at)

  t.equal((before.socket as TLSSocket).getPeerCertificate().subject.CN, 'turn.test')
  t.equal((after.socket as TLSSocket).getPeerCertificate().subject.CN, 'next.test')
  before.write(stunFrame(1))
  t.equal((await before.read(20)).length, 20)
})

for (const [what, why, detail, options] of [
  [
    'offers TLS 1.1',
    'tls-version',
    'the client offers no version of TLS from 1.2 on',
    { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' },
  ],
  [
    'offers RSA key exchange',
    'tls-cipher',
    'the client offers no cipher suite or curve that is served here',
    { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' },
  ],
  [
    'offers a strange curve',
    'tls-cipher',
    'the client offers no cipher suite or curve that is served here',
    { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' },
  ],
  [
    'offers NAT discovery',
    'tls-protocol',
    'the client offers no protocol (ALPN) that is served here',
    { ALPNProtocols: ['stun.nat-discovery'] },
  ],
] as const) {
  t.test(`P-05: a handshake fails since the client ${what}, and that is told and counted`, async t => {
    const { world, at } = await open(t)

    await t.rejects(shake(t, at, options))
    await world.empty()

    t.match(world.unserved, [{ why, detail: `TLS handshake failed: ${detail}` }])
    t.equal(world.counters.read('tlsFailed'), 1)
    t.equal(world.counters.read(counterOf(why)), 1)
  })
}

for (const version of ['-tls1_2', '-tls1_3']) {
  t.test(
    `P-05: a client that does not trust the certificate is told of with its alert (${version})`,
    async t => {
      const { world, at } = await open(t)
      const connect = ['-connect', `${formatIp(at.ip)}:${at.port}`, '-verify_return_error', version]

      await once(spawn('openssl', ['s_client', ...connect], { stdio: 'ignore' }), 'close')
      await world.empty()

      const detail =
        /^TLS handshake failed: the client does not trust the certificate \(alert unknown_ca|bad_certificate\)$/
      t.match(world.unserved, [{ why: 'tls-untrusted', detail }])
      t.equal(world.counters.read('unservedTlsUntrusted'), 1)
    },
  )
}

t.test('P-05: a client that breaks off its handshake, or takes too long, is told of as such', async t => {
  const { world, at } = await open(t)
  const half = await world.client(at)
  half.write(Buffer.from('1603010200', 'hex'))
  await turns()
  half.socket.destroy()
  await world.empty()
  const slow = await world.client(at)
  slow.write(Buffer.from('1603010200', 'hex'))
  await turns()
  world.advance(10)
  await slow.end()

  t.match(world.unserved, [{ why: 'tls-broken-off' }, { why: 'tls-timeout' }])
})

for (const port of ['tls', 'tcp'] as const) {
  for (const [what, why, octets] of [
    ['an HTTP request', 'http', 'GET / HTTP/1.1\r\n\r\n'],
    ['the beginning of HTTP/2', 'http', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a PROXY header of version 1', 'proxy-header', 'PROXY TCP4 192.0.2.1 192.0.2.2 1000 3478\r\n'],
    ['a PROXY header of version 2', 'proxy-header', '\r\n\r\n\0\r\nQUIT\n!\x11\0\x0c'],
    ['ChannelData', 'not-stun', '@\x01\0\0'],
    ['noise', 'not-stun', '\xff\xfe'],
  ] as const) {
    t.test(`P-05, O-23: ${what} on a ${port} port is named`, async t => {
      const { world, at } = await open(t, port)
      const client = await world.client(at)

      client.write(Buffer.from(octets, 'latin1'))
      await client.end()

      t.match(world.unserved, [{ kind: 'unserved', why }])
      t.equal(world.counters.read(counterOf(why)), 1)
      t.equal(world.ids.open, 0)
    })
  }
}

t.test('P-12: STUN without TLS is refused on a tls port, named, and served on a tcp port', async t => {
  const { world, at } = await open(t, 'tls')
  const refused = await world.client(at)
  refused.write(stunFrame(1))
  await refused.end()
  const { world: both, at: tcp } = await open(t, 'tcp')
  const served = await both.client(tcp)
  served.write(stunFrame(1))

  t.equal((await served.read(20)).length, 20)
  t.match(world.unserved, [{ why: 'plain-on-tls' }])
  t.same(both.unserved, [])
})

t.test('P-05: TLS on a port that has no certificate is named', async t => {
  const world = new StreamWorld(t)
  const at = await world.listen('tcp')

  await t.rejects(shake(t, at))
  await world.empty()

  t.match(world.unserved, [{ why: 'tls-without-certificate' }])
})

/** A connection that sends octet by octet. */
function dripping(at: Address): Socket {
  const drip = connectTcp({ host: formatIp(at.ip), port: at.port, noDelay: true })
  const { write } = drip
  drip.write = function (this: typeof drip, chunk: Buffer | string, ...rest: unknown[]): boolean {
    const octets = Buffer.from(chunk as Buffer)
    for (const octet of octets) Reflect.apply(write, drip, [Buffer.of(octet)])
    const done = rest.find(one => typeof one === 'function') as (() => void) | undefined
    if (done) process.nextTick(done)
    return true
  } as typeof drip.write
  return drip
}

function counterOf(why: UnservedReason): CounterName {
  return counterEntries(UNSERVED_COUNTERS).find(([, reason]) => reason === why)![0]
}

/** Lets what is on its way arrive. */
async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise(resolve => setImmediate(resolve))
}

async function open(t: Test, port: 'tcp' | 'tls' = 'tls'): Promise<{ world: StreamWorld; at: Address }> {
  const world = new StreamWorld(t)
  world.streams.setTls(material(t, rsa).options)
  world.inbox.answer = batch => {
    echo(batch)
    world.sockets.send(batch)
  }
  return { world, at: await world.listen(port) }
}

/** A TLS 1.2 ClientHello with this body of the ALPN extension (RFC 7301 §3.1). */
function clientHello(alpn: Buffer): Buffer {
  const extension = Buffer.concat([u16(16), u16(alpn.length), alpn])
  const groups = Buffer.from('000a00040002001d', 'hex')
  const algorithms = Buffer.from('000d0006000408040401', 'hex')
  const extensions = Buffer.concat([groups, algorithms, extension])
  const body = Buffer.concat([
    Buffer.from('0303', 'hex'),
    Buffer.alloc(32, 7),
    Buffer.from('00', 'hex'),
    Buffer.from('0002c02f', 'hex'),
    Buffer.from('0100', 'hex'),
    u16(extensions.length),
    extensions,
  ])
  const handshake = Buffer.concat([Buffer.from([1, 0]), u16(body.length), body])
  return Buffer.concat([Buffer.from('160301', 'hex'), u16(handshake.length), handshake])
}

function u16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 255])
}
