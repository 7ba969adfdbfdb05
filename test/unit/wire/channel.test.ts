import t from 'tap'
import type { ChannelNumber } from '../../../src/base/ids.ts'
import {
  CHANNEL_HEADER,
  channelLength,
  demultiplex,
  readChannel,
  writeChannelData,
} from '../../../src/wire/channel.ts'
import { hex } from '../../support/bytes.ts'

t.test('channel numbers are 0x4000 to 0x7FFE [TURN-CD-01]', async t => {
  let wrong = 0
  for (let number = 0; number <= 0xffff; number++) {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt16BE(number)
    const read = readChannel(bytes, 0, 4)
    if (read !== (number >= 0x4000 && number <= 0x7ffe ? number : undefined)) wrong++
  }
  t.equal(wrong, 0)
})

t.test('ChannelData that claims more than arrived is none [TURN-CD-02]', async t => {
  const bytes = hex('4000 0005 0102030405')

  t.equal(readChannel(bytes, 0, 9), 0x4000)
  for (let arrived = 0; arrived < 9; arrived++) t.equal(readChannel(bytes, 0, arrived), undefined)
})

t.test(
  'ChannelData may be followed by padding or more, which its length leaves out [TURN-CD-03]',
  async t => {
    const bytes = hex('4001 0005 0102030405 000000 ffff')

    for (let arrived = 9; arrived <= bytes.length; arrived++) t.equal(readChannel(bytes, 0, arrived), 0x4001)
    t.equal(channelLength(bytes, 0), 5)
  },
)

t.test('ChannelData of length 0 is ChannelData [TURN-CD-06]', async t => {
  t.equal(readChannel(hex('4fff 0000'), 0, 4), 0x4fff)
})

t.test('lengths up to 65535 do not wrap [STUN-HDR-10, SEC-17]', async t => {
  const bytes = Buffer.alloc(4 + 65535)
  bytes.writeUInt16BE(0x4000)
  for (const length of [65532, 65533, 65534, 65535]) {
    bytes.writeUInt16BE(length, 2)
    t.equal(readChannel(bytes, 0, 4), undefined)
    t.equal(readChannel(bytes, 0, 4 + length - 1), undefined)
    t.equal(readChannel(bytes, 0, 4 + length), 0x4000)
    t.equal(channelLength(bytes, 0), length)
  }
})

t.test('ChannelData is read where it starts in a batch', async t => {
  const slab = hex('ffffffffffff 4002 0003 aabbcc ffff')

  t.equal(readChannel(slab, 6, 7), 0x4002)
  t.equal(readChannel(slab, 6, 6), undefined)
  t.equal(channelLength(slab, 6), 3)
})

t.test(
  'ChannelData is written with number, length and the payload exactly [TURN-CD-07] [TURN-CD-09]',
  async t => {
    for (const length of [0, 1, 2, 3, 4, 5, 1200, 65507, 65535]) {
      const payload = Buffer.alloc(length, 0xa5)
      const bytes = writeChannelData(0x4abc as ChannelNumber, payload)
      t.equal(bytes.length, CHANNEL_HEADER + length)
      t.equal(readChannel(bytes, 0, bytes.length), 0x4abc)
      t.equal(channelLength(bytes, 0), length)
      t.equal(bytes.subarray(CHANNEL_HEADER).equals(payload), true)
    }
    t.throws(() => writeChannelData(0x4000 as ChannelNumber, Buffer.alloc(65536)), RangeError)
  },
)

t.test('the first octet tells what it is, as RFC 7983 says [TURN-CD-01]', async t => {
  for (let first = 0; first < 256; first++) {
    const expected =
      first <= 3
        ? 'stun'
        : first === 22
          ? 'tls'
          : first >= 20 && first <= 63
            ? 'dtls'
            : first >= 64 && first <= 127
              ? 'channel'
              : 'unknown'
    t.equal(demultiplex(first), expected)
  }
})
