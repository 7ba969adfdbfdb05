import t from 'tap'
import type { ChannelNumber } from '../../../src/base/ids.ts'
import { DATA, SOFTWARE } from '../../../src/wire/attributes.ts'
import { channelLength, readChannel, writeChannelData } from '../../../src/wire/channel.ts'
import { frameLength } from '../../../src/wire/framing.ts'
import { get, MessageWriter, Method } from '../../../src/wire/message.ts'
import { bare, hex, message, TRANSACTION, tlv } from '../../support/bytes.ts'

t.test(
  'a message split at every octet is one frame, and parses the same [STUN-TCP-01] [STUN-TCP-02]',
  async t => {
    const bytes = new MessageWriter('request', Method.Binding, TRANSACTION)
      .set(SOFTWARE, 'split')
      .fingerprint()
      .finish()

    for (let available = 0; available <= bytes.length; available++) {
      t.equal(frameLength(bytes.subarray(0, available), 0, available), available < 4 ? 0 : bytes.length)
    }
    t.equal(get(message(bytes.subarray(0, frameLength(bytes, 0, bytes.length))), SOFTWARE), 'split')
  },
)

t.test(
  'messages and padded ChannelData of one segment come apart, wherever it is split [STUN-TCP-03] [TURN-CD-04]',
  async t => {
    const frames = [
      bare(0x0001),
      padded(1, 'a'),
      padded(2, 'bcde'),
      padded(3, ''),
      bare(0x0016, tlv(DATA.type, 'aabbcc')),
      padded(4, 'fghij'),
      padded(5, 'klm'),
      bare(0x0001, tlv(SOFTWARE.type, '41')),
    ]
    const stream = Buffer.concat(frames)

    for (let split = 0; split <= stream.length; split++) {
      const reader = new Reader()
      reader.take(stream.subarray(0, split))
      reader.take(stream.subarray(split))
      t.same(reader.frames, frames, `split at ${split}`)
    }
  },
)

t.test('a stream that drips in octet by octet comes apart the same [STUN-TCP-02]', async t => {
  const frames = [padded(1, 'abc'), bare(0x0001, tlv(SOFTWARE.type, '4142')), padded(2, '')]
  const reader = new Reader()

  for (const octet of Buffer.concat(frames)) reader.take(Buffer.of(octet))

  t.same(reader.frames, frames)
})

t.test('two clients interleaved each get their own frames [STUN-TCP-03]', async t => {
  const alice = [bare(0x0001), padded(1, 'from alice'), bare(0x0001, tlv(SOFTWARE.type, '61'))]
  const bob = [padded(2, 'from bob'), bare(0x0001, tlv(SOFTWARE.type, '62')), padded(2, 'again')]
  const readers = [new Reader(), new Reader()] as const
  const streams = [Buffer.concat(alice), Buffer.concat(bob)] as const

  for (let at = 0; at < 200; at += 7) {
    for (const i of [0, 1] as const) readers[i].take(streams[i].subarray(at, at + 7))
  }

  t.same(readers[0].frames, alice)
  t.same(readers[1].frames, bob)
})

t.test('the padding of ChannelData belongs to its frame, and not to its payload [TURN-CD-04]', async t => {
  for (const [length, frame] of [
    [0, 4],
    [1, 8],
    [2, 8],
    [3, 8],
    [4, 8],
    [5, 12],
  ] as const) {
    const header = Buffer.alloc(4)
    header.writeUInt16BE(0x4000)
    header.writeUInt16BE(length, 2)
    t.equal(frameLength(header, 0, 4), frame)
    t.equal(channelLength(header, 0), length)
  }
})

t.test('the longest frames are incomplete, not small ones [STUN-HDR-10, SEC-17]', async t => {
  const body = (length: number) => {
    const bytes = bare(0x0001)
    bytes.writeUInt16BE(length, 2)
    return frameLength(bytes, 0, bytes.length)
  }
  const channel = (length: number) => {
    const bytes = hex('40000000')
    bytes.writeUInt16BE(length, 2)
    return frameLength(bytes, 0, bytes.length)
  }

  t.same([65520, 65524, 65528, 65532].map(body), [65540, 65544, 65548, 65552])
  t.same([65532, 65533, 65534, 65535].map(channel), [65536, 65540, 65540, 65540])
})

t.test('what cannot begin a frame is seen at the first octet [STUN-TCP-04]', async t => {
  for (let first = 0; first < 256; first++) {
    const can = first <= 3 || (first >= 64 && first <= 127)
    t.equal(frameLength(Buffer.of(first), 0, 1), can ? 0 : -1)
  }
  t.equal(frameLength(Buffer.from('\r\n\r\n'), 0, 4), -1)
  t.equal(frameLength(hex('16030102'), 0, 4), -1)
})

t.test(
  'a STUN length that is no multiple of four cannot be resynchronised [STUN-HDR-03] [STUN-TCP-04]',
  async t => {
    for (const length of [1, 2, 3, 5, 6, 7, 65533, 65534, 65535]) {
      const bytes = bare(0x0001)
      bytes.writeUInt16BE(length, 2)
      t.equal(frameLength(bytes, 0, 4), -1)
    }
  },
)

t.test(
  'a wrong cookie is seen at its first wrong octet, classic messages not being for streams [STUN-TCP-04] [STUN-3489-07]',
  async t => {
    for (let at = 4; at < 8; at++) {
      const bytes = bare(0x0001)
      bytes[at]! ^= 1
      for (let available = 4; available <= 20; available++) {
        t.equal(frameLength(bytes, 0, available), available > at ? -1 : 20)
      }
    }
  },
)

t.test('a frame is measured where it starts, by what is available and nothing behind it', async t => {
  const slab = Buffer.concat([hex('ffffff'), bare(0x0001), hex('80')])

  t.equal(frameLength(slab, 3, 20), 20)
  t.equal(frameLength(slab, 3, 21), 20)
  t.equal(frameLength(slab, 3, 3), 0)
  t.equal(frameLength(slab, 3, 0), 0)
  t.equal(frameLength(slab, 23, 1), -1)
})

/** ChannelData as it goes over a stream. */
function padded(channel: number, text: string): Buffer {
  const bytes = writeChannelData((0x4000 + channel) as ChannelNumber, Buffer.from(text))
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)])
}

/** Cuts a stream into frames with nothing but `frameLength`. */
class Reader {
  readonly frames: Buffer[] = []
  #held: Buffer = Buffer.alloc(0)

  take(chunk: Buffer): void {
    this.#held = Buffer.concat([this.#held, chunk])
    for (;;) {
      const length = frameLength(this.#held, 0, this.#held.length)
      if (length < 0) throw new Error('no frame can begin so')
      if (length === 0 || length > this.#held.length) return
      const frame = this.#held.subarray(0, length)
      if (frame[0]! >= 64 && readChannel(frame, 0, length) === undefined) throw new Error('no ChannelData')
      this.frames.push(frame)
      this.#held = this.#held.subarray(length)
    }
  }
}
