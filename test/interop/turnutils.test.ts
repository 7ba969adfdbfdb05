import t from 'tap'
import { need } from '../support/need.ts'
import { startRelay } from '../support/relay.ts'
import { startPeer, uclient } from '../support/turnutils.ts'

// turnutils_uclient waits a few seconds around every run, so several runs share the time.
t.setTimeout(400_000)
const JOBS = 4

const CLIENTS = 4
const MESSAGES = 200

// Over UDP and to peers uneven lengths need no padding; over TCP and TLS they do (RFC 8656 §12.5).
const LOAD = ['-m', `${CLIENTS}`, '-n', `${MESSAGES}`, '-l', '171', '-z', '5']

// It takes channel numbers from the whole range of RFC 5766, which RFC 8656 has cut to 0x4000-0x4FFF.
const LEGACY = { protocol: { legacyChannelNumbers: true } }

interface Scenario {
  readonly name: string
  readonly args: readonly string[]
  /** Talks to the echoing peer instead of client to client. */
  readonly peer?: '127.0.0.1' | '::1'
  readonly tls?: boolean
  /** Clients go on from another socket right after they have allocated (RFC 8016). */
  readonly mobile?: boolean
  readonly server?: '127.0.0.1' | '::1'
}

const SCENARIOS: readonly Scenario[] = [
  { name: 'over UDP with channels and RTCP port pairs', args: [], peer: '127.0.0.1' },
  { name: 'over UDP with channels and no RTCP', args: ['-c'], peer: '127.0.0.1' },
  { name: 'over UDP with Send indications and RTCP port pairs', args: ['-s'], peer: '127.0.0.1' },
  { name: 'over UDP with channels padded to four octets', args: ['-c', '-D'], peer: '127.0.0.1' },
  { name: 'over UDP with extra requests in between', args: ['-G'], peer: '127.0.0.1' },
  { name: 'over TCP with channels and RTCP port pairs', args: ['-t'], peer: '127.0.0.1' },
  { name: 'over TCP with Send indications', args: ['-t', '-s', '-c'], peer: '127.0.0.1' },
  { name: 'over TLS with channels and RTCP port pairs', args: ['-t', '-S'], peer: '127.0.0.1', tls: true },
  { name: 'over TLS with Send indications', args: ['-t', '-S', '-s', '-c'], peer: '127.0.0.1', tls: true },
  { name: 'client to client over UDP with channels', args: ['-y'] },
  { name: 'client to client over UDP with Send indications', args: ['-y', '-s'] },
  { name: 'client to client over TCP', args: ['-y', '-t'] },
  { name: 'client to client over TLS', args: ['-y', '-t', '-S'], tls: true },
  { name: 'with an IPv6 relayed address', args: ['-x'], peer: '::1' },
  { name: 'to an IPv6 listener, relayed over IPv4', args: ['-X'], peer: '127.0.0.1', server: '::1' },
  { name: 'with IPv6 on both sides and Send indications', args: ['-x', '-s'], peer: '::1', server: '::1' },
  { name: 'client to client over IPv6', args: ['-y', '-x'], server: '::1' },
  // Over TLS its second connection fails before it has sent anything (coturn 4.6.1).
  { name: 'with mobility over UDP', args: ['-M', '-v'], peer: '127.0.0.1', mobile: true },
  { name: 'with mobility over TCP', args: ['-M', '-v', '-t'], peer: '127.0.0.1', mobile: true },
  { name: 'with dual allocations, client to client', args: ['-Z', '-y'] },
  { name: 'with dual allocations to an IPv4 peer over TCP', args: ['-Z', '-t'], peer: '127.0.0.1' },
]

t.test('turnutils_uclient loses nothing', need('turnutils_uclient', 'turnutils_peer', 'openssl'), async t => {
  t.setTimeout(300_000)
  t.jobs = JOBS
  const relay = await startRelay({ ipv6: true, loopbackPeers: true, settings: LEGACY })
  t.teardown(() => relay.stop())
  const peer = await startPeer()
  t.teardown(() => peer.stop())

  for (const [i, scenario] of SCENARIOS.entries()) {
    t.test(scenario.name, { buffered: true }, async t => {
      t.setTimeout(90_000)
      const to = scenario.peer ? ['-e', scenario.peer, '-r', `${peer.port}`] : []
      const port = ['-p', `${scenario.tls ? relay.tlsPort : relay.port}`]

      const tally = await uclient([
        ...['-u', `@user${i}:example.org`, '-W', relay.secret],
        ...LOAD,
        ...scenario.args,
        ...to,
        ...port,
        scenario.server ?? '127.0.0.1',
      ])

      if (scenario.mobile) t.match(tally.output, /refresh sent[\s\S]*read_mobility_ticket: smid=/)
      t.equal(tally.lost, 0, 'nothing lost')
      t.equal(tally.dropped, 0, 'nothing that could not be sent')
      t.equal(tally.sent, CLIENTS * MESSAGES, 'everything was sent')
      t.equal(tally.received, tally.sent, 'everything came back')
    })
  }
})

t.test('uneven and extreme payload lengths arrive', need('turnutils_uclient', 'turnutils_peer'), async t => {
  t.setTimeout(300_000)
  t.jobs = JOBS
  const relay = await startRelay({ loopbackPeers: true, settings: LEGACY })
  t.teardown(() => relay.stop())
  const peer = await startPeer()
  t.teardown(() => peer.stop())

  // turnutils_uclient needs 20 octets for its own header; 1 500 exceeds an Ethernet frame with our headers on it.
  for (const [transport, flags] of [
    ['UDP', ['-c']],
    ['UDP as Send indications', ['-c', '-s']],
    ['TCP', ['-c', '-t']],
    ['TCP as Send indications', ['-c', '-t', '-s']],
  ] as const) {
    for (const length of [33, 1201, 1500]) {
      t.test(`${length} octets over ${transport}`, { buffered: true }, async t => {
        t.setTimeout(60_000)

        const tally = await uclient([
          ...['-u', '@alice:example.org', '-W', relay.secret, '-m', '2', '-n', '50', '-z', '2'],
          ...flags,
          ...['-l', `${length}`, '-e', '127.0.0.1', '-r', `${peer.port}`, '-p', `${relay.port}`, '127.0.0.1'],
        ])

        t.equal(tally.lost, 0)
        t.equal(tally.received, 100)
      })
    }
  }
})

for (const udp of ['auto', 'dgram'] as const) {
  t.test(
    `DONT-FRAGMENT over ${udp} sockets is honoured or refused, never ignored`,
    need('turnutils_uclient'),
    async t => {
      const relay = await startRelay({ against: 'taciturn', settings: { ...LEGACY, udp } })
      t.teardown(() => relay.stop())
      const asked = uclient([
        ...['-u', '@alice:example.org', '-W', relay.secret, '-m', '1', '-n', '20', '-z', '2'],
        ...['-g', '-c', '-y', '-p', `${relay.port}`, '127.0.0.1'],
      ])

      // node:dgram cannot set DF.
      if (relay.child.output.includes('"udp":"native"')) t.equal((await asked).lost, 0)
      else {
        await t.rejects(asked, /error 420/)
        t.match(await (await fetch(relay.metrics!)).text(), /^taciturn_errors_total\{code="420"\} [1-9]/m)
      }
    },
  )
}

t.test('who has not got the secret gets no allocation', need('turnutils_uclient'), async t => {
  const relay = await startRelay({ settings: LEGACY })
  t.teardown(() => relay.stop())
  const load = ['-m', '1', '-n', '2', '-y', '-p', `${relay.port}`, '127.0.0.1']

  await t.rejects(
    uclient(['-u', '@mallory:example.org', '-W', 'a guess', ...load]),
    /Cannot complete Allocation/,
  )

  t.equal((await uclient(['-u', '@alice:example.org', '-W', relay.secret, ...load])).lost, 0)
})
