import t from 'tap'
import { parseIp } from '../../../src/base/address.ts'
import { type Finding, finding } from '../../../src/doctor/finding.ts'
import { kindOf, kindWords } from '../../../src/doctor/homeserver-kinds.ts'
import { readLivekit } from '../../../src/doctor/livekit.ts'
import { parseSockets } from '../../../src/doctor/proc.ts'
import { ranked } from '../../../src/doctor/rank.ts'
import { audienceOf, reaches } from '../../../src/doctor/scope.ts'
import { SNIPPETS } from '../../../src/homeserver/snippets.ts'

t.test('the cause comes before what it causes', async t => {
  const findings: Finding[] = [
    finding('reached'),
    finding('credential-refused'),
    finding('ttl-short'),
    finding('no-login'),
    finding('secret-wrong'),
    finding('uris-many'),
  ]
  t.same(
    ranked(findings).map(({ id }) => id),
    ['secret-wrong', 'credential-refused', 'ttl-short', 'uris-many', 'no-login', 'reached'],
  )
})

t.test('a severity of its own moves a finding', async t => {
  const findings = [finding('credential-refused'), finding('clock-behind', {}, { severity: 'error' })]
  t.equal(ranked(findings)[0]?.id, 'clock-behind')
})

t.test('the same found in several places is one finding with several places', async t => {
  const findings = ['a', 'b', 'b'].map(at => finding('udp-silent', { port: 1 }, { at }))
  const [one, ...others] = ranked([...findings, finding('udp-silent', { port: 2 }, { at: 'c' })])
  t.same(one?.at, ['a', 'b'])
  t.equal(others.length, 1)
})

t.test('a relay is for everybody only where its name or address promises so', async t => {
  const loopback = [ip('127.0.0.1')]
  t.equal(audienceOf('turn.example.org', loopback), 'public')
  t.equal(audienceOf('203.0.114.7', [ip('203.0.114.7')]), 'public')
  t.equal(audienceOf('127.0.0.1', loopback), 'loopback')
  t.equal(audienceOf('localhost', [...loopback, ip('::1')]), 'loopback')
  for (const name of ['pi.local', 'turn.lan', 'nas', 'turn.home.arpa', 'a.internal']) {
    t.equal(audienceOf(name, [ip('192.168.1.5')]), 'private', name)
  }
  t.equal(audienceOf('nas', [ip('192.168.1.5'), ip('2001:470::7')]), 'public', 'the widest counts')
})

t.test('a relayed address must reach as far as its audience', async t => {
  t.ok(reaches(ip('203.0.114.7'), 'public'))
  t.notOk(reaches(ip('192.168.1.5'), 'public'))
  t.notOk(reaches(ip('100.64.0.1'), 'public'))
  t.notOk(reaches(ip('127.0.0.1'), 'private'))
  t.ok(reaches(ip('192.168.1.5'), 'private'))
  t.ok(reaches(ip('192.168.1.5'), 'loopback'))
})

t.test('every homeserver is told from its version', async t => {
  for (const [says, name] of [
    ['Synapse', 'synapse'],
    ['Dendrite', 'dendrite'],
    ['Conduit', 'conduit'],
    ['conduwuit', 'conduwuit'],
    ['tuwunel', 'tuwunel'],
    ['Continuwuity', 'continuwuity'],
    ['Palpo', 'palpo'],
  ] as const) {
    const { kind, known } = kindOf(says)
    t.equal(kind.name, name)
    t.ok(known)
    t.ok(
      SNIPPETS.some(snippet => snippet.name === name),
      `taciturn snippet ${name} exists`,
    )
  }
  t.notOk(kindOf(undefined).known)
  t.notOk(kindOf('Something').known)
  t.equal(kindWords(kindOf('Dendrite').kind).file, 'dendrite.yaml')
})

t.test('the TURN servers of a LiveKit configuration are read in both styles', async t => {
  const block = `port: 7880
rtc:
  port_range_start: 50000
  port_range_end: 60000
  turn_servers:
    - host: "turn.example.org"  # ours
      port: 3478
      protocol: udp
      secret: 'the secret'
    # another
    - host: other.example.org
      port: 443
      credential: x
keys:
  key1: secret1
`
  t.same(readLivekit(block), {
    servers: [{ host: 'turn.example.org', secret: 'the secret' }, { host: 'other.example.org' }],
    ports: { from: 50000, to: 60000 },
  })
  const flow = `rtc:\n  turn_servers:\n    - {host: H, port: 3478, protocol: udp, secret: "S", ttl: 14400}\n`
  t.same(readLivekit(flow), { servers: [{ host: 'H', secret: 'S' }] })
  t.same(readLivekit('rtc:\n  tcp_port: 7881\n'), { servers: [] })
  t.same(readLivekit(''), { servers: [] })
})

t.test('sockets are read from the tables of Linux', async t => {
  const udp = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 2375: 0100007F:0D96 00000000:0000 07 00000000:00000000 00:00000000 00000000   998        0 258892 2 000000004ee285d3 0
`
  t.match(parseSockets(udp, 'udp'), [{ port: 3478, uid: 998, inode: 258892 }])
  const tcp = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:14E5 00000000:0000 0A 00000000:00000000 00:00000000 00000000   998        0 4711 1 0 100 0 0 10 0
   1: 0100007F:14E5 0100007F:9C40 01 00000000:00000000 00:00000000 00000000   998        0 4712 1 0 20 4 30 10 -1
`
  t.same(parseSockets(tcp, 'tcp'), [{ ip: ip('0.0.0.0'), port: 5349, uid: 998, inode: 4711 }])
  const six = tcp.replaceAll('00000000:14E5', 'B80D0120000000000000000005000000:14E5')
  t.same(parseSockets(six, 'tcp')[0]!.ip, ip('2001:db8::5'))
  t.same(parseSockets('', 'udp'), [])
})

function ip(text: string): Uint8Array {
  return parseIp(text)!
}
