import t from 'tap'
import { FrameReader, MAX_FRAME } from '../../../src/net/stream/frame-reader.ts'

const MAGIC = '2112a442'
const ID = '000102030405060708090a0b'

t.test('one message split at every octet reads the same [STUN-TCP-02]', async t => {
  const whole = stun(24)
  for (let cut = 0; cut <= whole.length; cut++) {
    const { read, frames } = reader()

    t.equal(read(whole.subarray(0, cut)), true)
    t.equal(read(whole.subarray(cut)), true)

    t.strictSame(frames, [whole], `cut at ${cut}`)
  }
})

t.test(
  'messages and channel data in one piece or octet by octet are the same frames [STUN-TCP-01 STUN-TCP-03]',
  async t => {
    const sent = [stun(8), channel(5), channel(0), stun(0), channel(4), channel(1199)]
    const stream = Buffer.concat(sent)

    const atOnce = reader()
    atOnce.read(stream)
    t.strictSame(atOnce.frames, sent)

    const drip = reader()
    for (const octet of stream) drip.read(Buffer.of(octet))
    t.strictSame(drip.frames, sent)
  },
)

t.test('a stream cut in two anywhere gives the same frames [STUN-TCP-03]', async t => {
  const sent = [channel(3), stun(12), channel(9), stun(4)]
  const stream = Buffer.concat(sent)
  for (let cut = 1; cut < stream.length; cut++) {
    const { read, frames } = reader()
    read(stream.subarray(0, cut))
    read(stream.subarray(cut))
    if (frames.length !== 4 || !Buffer.concat(frames).equals(stream)) t.fail(`cut at ${cut}`)
  }
})

t.test('what cannot be a frame ends the reading, and what came before counts [STUN-TCP-04]', async t => {
  for (const garbage of [
    'GET / HTTP/1.1'.replace('GET', '\x80ET'),
    '\x16\x03\x01',
    '\xff\xff\xff\xff',
    '\x00\x01\x00\x07', // a length that is not divisible by four
    '\x00\x01\x00\x00\x21\x12\xa4\x43', // not the magic cookie
  ]) {
    const first = stun(0)
    const bad = Buffer.from(garbage, 'latin1')

    const atOnce = reader()
    t.equal(atOnce.read(Buffer.concat([first, bad])), false)
    t.strictSame(atOnce.frames, [first])

    const drip = reader()
    const taken = [...first, ...bad].map(octet => drip.read(Buffer.of(octet)))
    t.equal(taken.includes(false), true)
    t.strictSame(drip.frames, [first])
  }
})

t.test('the longest frame dripped octet by octet holds one buffer of its length [STUN-TCP-08]', async t => {
  const { frames, one } = reader()
  const whole = stun(65_532)
  let most = 0
  for (const octet of whole) {
    one.read(Buffer.of(octet))
    most = Math.max(most, one.held)
  }

  t.ok(most <= 65_552, `${most} octets at most`)
  t.equal(frames.length, 1)
  t.ok(frames[0]!.equals(whole))
  t.equal(one.held, 0)
})

t.test('a header that promises 64 KiB costs no more than what came [STUN-TCP-08]', async t => {
  const { one } = reader()

  one.read(stun(65_532).subarray(0, 30))

  t.ok(one.held <= 64, `${one.held} octets`)
})

t.test('a reader that was told to stop takes no more of the chunk', async t => {
  const frames: Buffer[] = []
  const one = new FrameReader((bytes, start, length) => {
    frames.push(Buffer.from(bytes.subarray(start, start + length)))
    return false
  })

  t.equal(one.read(Buffer.concat([stun(0), stun(4)])), true)
  t.strictSame(frames, [stun(0)])
})

function reader(): { one: FrameReader; read: (chunk: Buffer) => boolean; frames: Buffer[] } {
  const frames: Buffer[] = []
  const one = new FrameReader((bytes, start, length) => {
    frames.push(Buffer.from(bytes.subarray(start, start + length)))
    return true
  })
  one.longest = MAX_FRAME
  return { one, read: chunk => one.read(chunk), frames }
}

function stun(length: number): Buffer {
  const header = Buffer.from(`0001${length.toString(16).padStart(4, '0')}${MAGIC}${ID}`, 'hex')
  return Buffer.concat([header, Buffer.alloc(length, 0x5a)])
}

function channel(length: number): Buffer {
  const bytes = Buffer.alloc(4 + ((length + 3) & ~3))
  bytes.writeUInt16BE(0x4001, 0)
  bytes.writeUInt16BE(length, 2)
  bytes.fill(0x77, 4, 4 + length)
  return bytes
}
