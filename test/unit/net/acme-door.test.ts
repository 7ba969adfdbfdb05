import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { challengeCertificate } from '../../../src/acme/certificates.ts'
import { type Address, formatIp, parseAddress } from '../../../src/base/address.ts'
import type { Seconds } from '../../../src/base/time.ts'
import { makeCertificate } from './certificate.ts'
import { StreamWorld } from './stream-world.ts'
import { material, shake } from './tls-client.ts'

const ours = makeCertificate()
const ANSWER = 'token-1.thumbprint'
const HTTP = { kind: 'http-01', token: 'token-1', answer: ANSWER } as const
const tls = (name = 'turn.test') =>
  ({ kind: 'tls-alpn-01', name, ...challengeCertificate(name, ANSWER, Date.now()) }) as const
const REQUEST = 'GET /.well-known/acme-challenge/token-1 HTTP/1.1\r\nHost: turn.test\r\n\r\n'

/** Says something on a connection, in pieces, and returns all that is answered until its end. */
async function ask(world: StreamWorld, at: Address, pieces: readonly string[]): Promise<string> {
  const client = await world.client(at)
  const read = client.socket
  let text = ''
  read.on('data', chunk => {
    text += chunk.toString('latin1')
  })
  for (const piece of pieces) {
    read.write(piece)
    await new Promise(resolve => setImmediate(resolve))
  }
  if (!client.closed) await once(read, 'close')
  return text
}

/** Shakes hands as an authority does (RFC 8737 §3). */
async function look(t: Test, at: Address, servername = 'turn.test'): Promise<TLSSocket> {
  const options = { host: formatIp(at.ip), port: at.port, servername, ALPNProtocols: ['acme-tls/1'] }
  const socket = connect({ ...options, rejectUnauthorized: false })
  t.teardown(() => socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

for (const [how, pieces] of [
  ['in one piece', [REQUEST]],
  ['in pieces', ['GET /.well-known/acme', '-challenge/tok', 'en-1 HTTP/1.0\r\n\r\n']],
] as const) {
  t.test(`an authority that asks ${how} by HTTP is answered on a TCP listener`, async t => {
    const world = new StreamWorld(t)
    world.streams.prove([HTTP])
    const answer = await ask(world, await world.listen(), pieces)

    t.match(answer, /^HTTP\/1\.1 200 OK\r\n/)
    t.match(answer, `content-length: ${ANSWER.length}\r\n`)
    t.ok(answer.endsWith(`\r\n\r\n${ANSWER}`))
    await world.empty()
    t.same(world.unserved, [], 'which is no fault')
  })
}

for (const [what, challenges, request] of [
  ['while nothing is proved', [], REQUEST],
  ['for another token', [HTTP], REQUEST.replace('token-1', 'token-2')],
  ['for a token that only begins like ours', [HTTP], REQUEST.replace('token-1', 'token-1x')],
  ['for something else', [HTTP], 'GET / HTTP/1.1\r\n\r\n'],
] as const) {
  t.test(`HTTP ${what} is refused as ever`, async t => {
    const world = new StreamWorld(t)
    world.streams.prove(challenges)
    t.equal(await ask(world, await world.listen(), [request]), '')
    t.match(world.unserved, [{ why: 'http' }])
  })
}

t.test('who asks half a question has ten seconds for the rest', async t => {
  const world = new StreamWorld(t)
  world.streams.prove([HTTP])
  const client = await world.client(await world.listen())
  client.socket.write(REQUEST.slice(0, 20))
  while (world.streams.open === 0) await new Promise(resolve => setImmediate(resolve))
  world.advance(11)
  await world.empty()
  t.pass()
})

for (const transport of ['tls', 'tcp'] as const) {
  t.test(
    `an authority sees the proof by TLS on a ${transport} listener, also before the first certificate`,
    async t => {
      const world = new StreamWorld(t)
      world.streams.prove([tls()])
      const socket = await look(t, await world.listen(transport))
      const shown = socket.getPeerCertificate()
      const digest = createHash('sha256').update(ANSWER).digest()

      t.equal(socket.alpnProtocol, 'acme-tls/1')
      t.equal(shown.subjectaltname, 'DNS:turn.test')
      t.ok(Buffer.from(shown.raw).includes(Buffer.concat([Buffer.from([0x04, 0x22, 0x04, 0x20]), digest])))
      await world.empty()
      t.same(world.unserved, [], 'which is no fault')
    },
  )
}

t.test('clients are served with the real certificate while a name is proved', async t => {
  const world = new StreamWorld(t)
  world.streams.setTls(material(t, ours).options)
  world.streams.prove([tls()])
  const client = await shake(t, await world.listen('tls'))

  t.not((client.socket as TLSSocket).getPeerCertificate().subject.CN, 'taciturn')
})

t.test('an authority that looks for a name that is not proved gets no certificate', async t => {
  const world = new StreamWorld(t)
  world.streams.prove([tls()])
  const at = await world.listen('tls')

  await t.rejects(look(t, at, 'other.test'))
})

t.test('without a certificate and with nothing to prove, TLS is refused', async t => {
  const world = new StreamWorld(t)
  world.streams.prove([tls()])
  world.streams.prove([])
  const at = await world.listen('tls')

  await t.rejects(look(t, at))
  t.match(world.unserved, [{ why: 'tls-without-certificate' }])
})

t.test(
  'on a shared port the relay answers for the name that it proves, and the web server for others',
  async t => {
    const names: number[] = []
    const server = createServer(socket => {
      socket.on('error', () => {})
      names.push(names.length)
      socket.destroy()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => server.close())
    const world = new StreamWorld(t)
    world.streams.setFront(() => true, {
      to: parseAddress(`127.0.0.1:${(server.address() as { port: number }).port}`)!,
      names: ['turn.test'],
      proxy: false,
      connections: 10,
      connectionsPerAddress: 10,
      idle: 600 as Seconds,
    })
    world.streams.prove([tls()])
    const at = await world.listen('tls', '127.0.0.1:0', { web: true })

    t.equal((await look(t, at)).alpnProtocol, 'acme-tls/1')
    t.equal(names.length, 0)
    await t.rejects(look(t, at, 'cloud.test'))
    t.equal(names.length, 1, 'the web server was asked')
    world.streams.prove([])
    await t.rejects(look(t, at))
    t.equal(names.length, 2, 'and for our own name once nothing is proved any more')
  },
)
