import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, type DetailedPeerCertificate } from 'node:tls'
import t, { type Test } from 'tap'
import { address, parseIp } from '../../src/base/address.ts'
import type { ChannelNumber } from '../../src/base/ids.ts'
import { credential } from '../support/credentials.ts'
import { need } from '../support/need.ts'
import { startPebble } from '../support/pebble.ts'
import { freePort } from '../support/ports.ts'
import { type RunningRelay, startRelay } from '../support/relay.ts'
import { openSession } from '../support/turn-session.ts'

const PEBBLE = need('pebble', 'pebble-challtestsrv', 'openssl')
const NAMES = ['turn.example.test', 'stun.example.test']

interface Options {
  readonly challenge: 'http-01' | 'tls-alpn-01'
  readonly names?: readonly string[]
  readonly validity?: number
  /** Sends the authority elsewhere. */
  readonly astray?: boolean
  readonly workers?: number
}

/** A relay that gets its certificate from Pebble, on the listeners that clients use. */
async function start(t: Test, { challenge, names = NAMES, validity, astray, workers = 1 }: Options) {
  const [port, tlsPort, nowhere] = [await freePort(), await freePort(), await freePort()]
  const pebble = await startPebble(t, {
    httpPort: astray ? nowhere : port,
    tlsPort: astray ? nowhere : tlsPort,
    ...(validity !== undefined && { validity }),
  })
  const relay = await startRelay({
    port,
    loopbackPeers: true,
    env: pebble.env,
    settings: {
      listen: [`udp://127.0.0.1:${port}`, `tcp://127.0.0.1:${port}`, `tls://127.0.0.1:${tlsPort}`],
      tls: { acme: { directory: pebble.directory, names, challenge } },
      workers,
    },
  })
  t.teardown(() => relay.stop())
  return { relay, tlsPort }
}

/** The certificate that a new handshake shows. */
async function shown(port: number): Promise<DetailedPeerCertificate> {
  const socket = connect({ host: '127.0.0.1', port, servername: NAMES[0]!, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const certificate = socket.getPeerCertificate(true)
  socket.destroy()
  return certificate
}

/** A call over TLS, with a peer that says everything again. */
async function call(t: Test, relay: RunningRelay, tlsPort: number) {
  const peer = createSocket('udp4')
  peer.on('message', (bytes, { port, address }) => peer.send(bytes, port, address))
  peer.bind(0, '127.0.0.1')
  await once(peer, 'listening')
  t.teardown(() => peer.close())
  const session = await openSession(
    { host: '127.0.0.1', port: tlsPort, via: 'tls', name: NAMES[0]! },
    credential(relay.secret, 'alice'),
  )
  t.teardown(() => session.close())
  const allocated = await session.allocate()
  t.equal(allocated.kind, 'allocated')
  const channel = 0x4000 as ChannelNumber
  t.equal(await session.bind(channel, address(parseIp('127.0.0.1')!, peer.address().port)), 0)
  return (text: string) =>
    new Promise<string>(resolve => {
      session.onData = bytes => resolve(bytes.toString())
      session.send(channel, text)
    })
}

t.test('Pebble makes a certificate by http-01, for all names', PEBBLE, async t => {
  const { relay, tlsPort } = await start(t, { challenge: 'http-01' })
  await relay.child.says(/"certificate loaded"/)
  t.notMatch(relay.child.output, /"connection not served"/, 'what the authority asks is no fault')
  const certificate = await shown(tlsPort)

  t.match(certificate.issuer.CN, /^Pebble Intermediate CA/)
  t.same(certificate.subjectaltname?.split(', ').sort(), NAMES.map(name => `DNS:${name}`).sort())
  t.match(certificate.issuerCertificate.subject.CN, /^Pebble Intermediate CA/, 'with its chain')
})

t.test(
  'renewal by tls-alpn-01 is served at once by all workers, and ends no call over TLS',
  PEBBLE,
  async t => {
    const { relay, tlsPort } = await start(t, { challenge: 'tls-alpn-01', validity: 20, workers: 2 })
    await relay.child.says(/"certificate loaded"/)
    t.notMatch(relay.child.output, /"connection not served"/, 'what the authority asks is no fault')
    const first = await shown(tlsPort)
    const say = await call(t, relay, tlsPort)
    t.equal(await say('before'), 'before')
    await relay.child.says(/"certificate loaded".*"certificate loaded"/s)

    const serials = new Set<string>()
    // The kernel spreads connections over the workers.
    for (let i = 0; i < 20; i++) serials.add((await shown(tlsPort)).serialNumber)
    t.notOk(serials.has(first.serialNumber))
    t.equal(await say('after'), 'after', 'on the connection from before')
  },
)

t.test('where the authority cannot get through, the log says in a sentence what to open', PEBBLE, async t => {
  const { relay, tlsPort } = await start(t, { challenge: 'http-01', astray: true })
  const [line] = await relay.child.says(/"no new TLS certificate: [^\n]*"/)

  t.match(line, /127\.0\.0\.1:\d+ cannot connect to (turn|stun)\.example\.test on TCP port 80 \(/)
  t.match(line, /open that port in firewall and router/)
  await t.rejects(shown(tlsPort), 'TLS is refused, and everything else is served')
})

t.test('where the authority does not want a name, the log says so', PEBBLE, async t => {
  const { relay } = await start(t, { challenge: 'http-01', names: ['turn.blocked'] })
  const [line] = await relay.child.says(/"no new TLS certificate: [^\n]*"/)

  t.match(line, /makes no certificate for a name in tls\.acme\.names/)
})
