import { parseAddress } from '../../../src/base/address.ts'
import { readProxyHeader } from '../../../src/net/proxy/proxy-header.ts'
import { localProxyHeader, writeProxyHeader } from '../../../src/net/proxy/write-proxy-header.ts'
import { HelloReader, type HelloReading } from '../../../src/net/stream/tls/client-hello.ts'
import { havoc } from '../mutate.ts'
import { must, type Target } from '../target.ts'

/** What a connection begins with before it is anybody's: a PROXY header, a ClientHello that says whom it is for. */
export const front: Target = {
  name: 'front',
  longest: 20_000,
  slow: 20,
  seeds,
  run(input) {
    const before = Buffer.from(input)
    asHeader(input)
    asHello(input)
    must(input.equals(before), 'reading has written')
  },
  mutate: (input, other, roll) => havoc(input, other, roll, WORDS),
}

/** A reading does not change with what follows, and is not there before the header is. */
function asHeader(input: Buffer): void {
  const whole = readProxyHeader(input)
  if (whole.kind !== 'header') return
  const { length, client, uniqueId = '' } = whole
  must(length <= input.length && length <= 4096, 'a header beyond the end')
  must(client === undefined || client.ip.some(octet => octet !== 0), 'a client without an address')
  must(uniqueId.length <= 256 && /^[\x21-\x7e]*$/.test(uniqueId), 'an id that could break a log line')
  must(readProxyHeader(input.subarray(0, length)).kind === 'header', 'a header that needs what follows it')
  for (const cut of [0, 1, 6, 12, 15, 16, length - 1]) {
    if (cut >= length) continue
    must(readProxyHeader(input.subarray(0, cut)).kind === 'more', 'a header that was there too early')
  }
}

/** What is read does not depend on where segments end. */
function asHello(input: Buffer): void {
  const whole = new HelloReader().read(input)
  const reader = new HelloReader()
  let reading: HelloReading = { kind: 'more' }
  // Where it is whole earlier, what follows belongs to TLS.
  for (let at = 0; at < input.length && reading.kind === 'more'; at += 37)
    reading = reader.read(input.subarray(at, at + 37))
  must(reader.bytes.length <= 16_384, 'more kept than may be')
  if (input.length > 16_384) return
  must(JSON.stringify(reading) === JSON.stringify(whole), 'read otherwise in pieces')
  if (whole.kind === 'hello') must(whole.hello.serverName !== '', 'a name that is empty')
}

function seeds(): Buffer[] {
  const [four, six] = [parseAddress('192.0.2.1:51000')!, parseAddress('[2001:db8::7]:443')!]
  const extensions = `0000000a0008000005612e622e63${'00100005000302683200'.slice(0, 18)}`
  const body = `0303${'ab'.repeat(32)}00000213010100${(extensions.length / 2).toString(16).padStart(4, '0')}${extensions}`
  const message = `010000${(body.length / 2).toString(16).padStart(2, '0')}${body}`
  const hello = Buffer.from(`160301${(message.length / 2).toString(16).padStart(4, '0')}${message}`, 'hex')
  const tlvs = Buffer.concat([
    writeProxyHeader(four, four),
    Buffer.from('0500034142430100026832030004aabbccdd', 'hex'),
  ])
  tlvs.writeUInt16BE(tlvs.length - 16, 14)
  return [
    Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 51000 443\r\n'),
    Buffer.from('PROXY TCP6 2001:db8::7 ::1 51000 443\r\n'),
    Buffer.from('PROXY UNKNOWN\r\n'),
    writeProxyHeader(four, four),
    writeProxyHeader(six, four),
    localProxyHeader(),
    tlvs,
    hello,
    Buffer.concat([
      Buffer.from('16030100', 'hex'),
      Buffer.of(10),
      hello.subarray(5, 15),
      Buffer.from('160301', 'hex'),
      Buffer.of(0, hello.length - 15),
      hello.subarray(15),
    ]),
  ]
}

const WORDS = ['PROXY TCP4 ', 'PROXY TCP6 ', 'UNKNOWN', '\r\n', '\r\n\r\n\0\r\nQUIT\n!', '\x16\x03\x01'].map(
  word => Buffer.from(word, 'latin1'),
)
