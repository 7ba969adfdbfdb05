import t from 'tap'
import { isBrowserPort, readTurnUri, type TurnUri } from '../../../src/homeserver/turn-uri.ts'

for (const [text, transport, host, port] of [
  ['turn:turn.example.org', 'udp', 'turn.example.org', 3478],
  ['turn:turn.example.org?transport=udp', 'udp', 'turn.example.org', 3478],
  ['turn:turn.example.org:53?transport=tcp', 'tcp', 'turn.example.org', 53],
  ['TURN:203.0.113.7:3479?transport=UDP', 'udp', '203.0.113.7', 3479],
  ['turns:turn.example.org', 'tls', 'turn.example.org', 5349],
  ['turns:turn.example.org:443?transport=tcp', 'tls', 'turn.example.org', 443],
  ['turns:turn.example.org?transport=udp', 'tls', 'turn.example.org', 5349],
  ['turn:[2001:db8::7]:3478?transport=udp', 'udp', '2001:db8::7', 3478],
  ['turn:[2001:db8::7]', 'udp', '2001:db8::7', 3478],
] as const) {
  t.test(`${text} is read as browsers do`, async t => {
    const uri = (readTurnUri(text) as { value: TurnUri }).value
    t.match(uri, { transport, host, port, text })
  })
}

for (const [text, fault] of [
  ['stun:turn.example.org', 'stun'],
  ['stuns:turn.example.org:5349', 'stun'],
  ['https://turn.example.org', 'scheme'],
  ['turn.example.org:3478', 'scheme'],
  ['', 'scheme'],
  ['turn:turn.example.org?transport=sctp', 'transport'],
  ['turn:turn.example.org?foo=bar', 'transport'],
  ['turn:turn.example.org?transport=udp?transport=tcp', 'transport'],
  ['turn:turn.example.org?', 'transport'],
  ['turn:', 'host'],
  ['turn:2001:db8::7', 'port'],
  ['turn:[203.0.113.7]:3478', 'host'],
  ['turn:[2001:db8::7', 'host'],
  ['turn:user@turn.example.org', 'host'],
  ['turn://turn.example.org', 'host'],
  ['turn:turn.example.org:', 'port'],
  ['turn:turn.example.org:0', 'port'],
  ['turn:turn.example.org:65536', 'port'],
  ['turn:turn.example.org:abc', 'port'],
] as const) {
  t.test(`"${text}" makes browsers throw, for its ${fault}`, async t => {
    t.same(readTurnUri(text), { ok: false, error: fault })
  })
}

t.test('browsers connect to few ports below 1024', async t => {
  t.same([53, 80, 443, 1024, 3478].filter(isBrowserPort), [53, 80, 443, 1024, 3478])
  t.same([22, 25, 444, 993, 1023].filter(isBrowserPort), [])
})
