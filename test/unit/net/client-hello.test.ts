import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { type ConnectionOptions, connect } from 'node:tls'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { HelloReader, type HelloReading } from '../../../src/net/stream/tls/client-hello.ts'

/** The ClientHello that Node's OpenSSL sends with these options. */
async function captured(t: Test, options: ConnectionOptions): Promise<Buffer> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const client = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options })
  client.on('error', () => {})
  const [socket] = (await once(server, 'connection')) as [Socket]
  const [hello] = (await once(socket, 'data')) as [Buffer]
  t.teardown(() => {
    client.destroy()
    socket.destroy()
    server.close()
  })
  return hello
}

/** What a reader makes of pieces: of the first that it has an opinion on. */
function readAll(pieces: readonly Buffer[]): HelloReading {
  const reader = new HelloReader()
  for (const piece of pieces) {
    const reading = reader.read(piece)
    if (reading.kind !== 'more') return reading
  }
  return { kind: 'more' }
}

/** The ClientHello that pieces hold. */
function helloIn(pieces: readonly Buffer[]) {
  const reading = readAll(pieces)
  return reading.kind === 'hello' ? reading.hello : reading
}

/** A ClientHello of the extensions that are given in hexadecimal. */
function helloOf(extensions: string, version = '0303'): Buffer {
  const list = Buffer.from(extensions, 'hex')
  const body = Buffer.concat([
    Buffer.from(`${version}${'ab'.repeat(32)}00000213010100`, 'hex'),
    Buffer.from([list.length >> 8, list.length & 255]),
    list,
  ])
  return records(Buffer.concat([Buffer.from([1, 0, body.length >> 8, body.length & 255]), body]), 16_000)
}

/** A handshake message in records of so many octets. */
function records(message: Buffer, octets: number): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at < message.length; at += octets) {
    const part = message.subarray(at, at + octets)
    parts.push(Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]), part)
  }
  return Buffer.concat(parts)
}

for (const [what, options, serverName, protocols] of [
  [
    'with a name and protocols',
    { servername: 'Cloud.Example.org', ALPNProtocols: ['h2', 'http/1.1'] },
    'cloud.example.org',
    ['h2', 'http/1.1'],
  ],
  ['without a name', {}, undefined, []],
  ['of TLS 1.2', { servername: 'turn.example.org', maxVersion: 'TLSv1.2' }, 'turn.example.org', []],
  ['for TURN', { ALPNProtocols: ['stun.turn'] }, undefined, ['stun.turn']],
] as const) {
  t.test(`OW-02: a real ClientHello ${what} is read`, async t => {
    const hello = await captured(t, options as unknown as ConnectionOptions)

    t.strictSame(helloIn([hello]), { serverName, protocols: [...protocols] })
  })
}

t.test(
  'OW-02: a ClientHello is read wherever its segments and records are cut, and comes out as it went in',
  async t => {
    const hello = await captured(t, { servername: 'turn.example.org', ALPNProtocols: ['h2'] })
    const whole = readAll([hello])
    const cuts = fc.array(fc.nat(hello.length), { maxLength: 10 })
    fc.assert(
      fc.property(cuts, fc.integer({ min: 1, max: 600 }), (cuts, octets) => {
        const split = records(hello.subarray(5), octets)
        const places = [...new Set([0, ...cuts.toSorted((a, b) => a - b), split.length])]
        const reader = new HelloReader()
        let reading: HelloReading = { kind: 'more' }
        for (let i = 1; i < places.length; i++) {
          if (reading.kind !== 'more') return false
          const piece = split.subarray(places[i - 1]!, places[i]!)
          reading = reader.read(piece)
        }
        return JSON.stringify(reading) === JSON.stringify(whole) && reader.bytes.equals(split)
      }),
    )
    t.equal(readAll([...hello].map(octet => Buffer.from([octet]))).kind, 'hello')
  },
)

const SNI = '0000000a0008000005612e622e63'
const ALPN = '0010000500030268 32'.replace(' ', '')

for (const [what, extensions] of [
  ['two names', SNI + SNI],
  ['two lists of protocols', ALPN + ALPN],
  ['a name that is longer than its list', '0000000a0008000006612e622e63'],
  ['a list of names that is longer than its extension', '0000000a0009000005612e622e63'],
  ['a protocol that is longer than its list', '001000050003036832'],
  ['an extension that is cut off', '00000020'],
  ['half a type', '00'],
] as const) {
  t.test(`OW-02: a ClientHello with ${what} is malformed`, async t => {
    t.same(readAll([helloOf(extensions)]), { kind: 'malformed' })
  })
}

t.test(
  'OW-02: names and protocols are found among other extensions, and a final dot is no part of a name',
  async t => {
    t.strictSame(helloIn([helloOf(`7a7a0000${SNI}002b0003020304${ALPN}`)]), {
      serverName: 'a.b.c',
      protocols: ['h2'],
    })
    t.strictSame(helloIn([helloOf('000000090007000004412e622e')]), { serverName: 'a.b', protocols: [] })
    t.strictSame(helloIn([helloOf('')]), { serverName: undefined, protocols: [] })
  },
)

for (const [what, hex] of [
  ['an alert', '15030100020228'],
  ['a handshake message that is none', '16030100050200000100'],
  ['an empty record', '1603010000'],
  ['a record that is too long', '1603014001'],
  ['SSL 2', '802e0103010015'],
  ['a message that would be too long', '16030100040100ffff'],
] as const) {
  t.test(`OW-02: ${what} is no ClientHello`, async t => {
    t.same(readAll([Buffer.from(hex, 'hex')]), { kind: 'malformed' })
  })
}

t.test('OW-02: no more than 16 KiB are kept of a ClientHello that does not end', async t => {
  const reader = new HelloReader()
  let pieces = 0
  const record = records(Buffer.from([1, 0, 0x3f, 0xf0, ...Buffer.alloc(96)]), 100)
  let reading = reader.read(record)
  while (reading.kind === 'more') {
    reading = reader.read(records(Buffer.alloc(100), 100))
    pieces++
  }

  t.same(reading, { kind: 'malformed' })
  t.ok(reader.bytes.length <= 16_384 && pieces > 100)
})

t.test('OW-02: whatever comes, nothing throws', async t => {
  const extensions = fc.uint8Array({ maxLength: 200 }).map(octets => Buffer.from(octets).toString('hex'))
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 400 }), extensions), fc.nat(400), (given, cut) => {
      const bytes = typeof given === 'string' ? helloOf(given) : Buffer.from(given)
      readAll([bytes.subarray(0, cut), bytes.subarray(cut)])
      return true
    }),
    { numRuns: 2000 },
  )
  t.pass()
})
