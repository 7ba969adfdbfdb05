import fc from 'fast-check'
import t from 'tap'
import type { ChannelNumber } from '../../../src/base/ids.ts'
import { Deframer } from '../../../src/client/deframer.ts'
import { TurnClient } from '../../../src/client/turn-client.ts'
import { dice, octets } from '../../sim/random.ts'

t.test('frames come out whole however the stream is cut', t => {
  const frames = stream()
  const bytes = Buffer.concat(frames)
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length), { maxLength: 20 }), cuts => {
      const deframer = new Deframer()
      const found: Buffer[] = []
      let from = 0
      for (const to of [...cuts.sort((a, b) => a - b), bytes.length]) {
        found.push(...deframer.take(bytes.subarray(from, to))!.map(frame => Buffer.from(frame)))
        from = to
      }
      return Buffer.concat(found).equals(bytes) && found.length === frames.length
    }),
    { seed: 20_260_801 },
  )
  t.pass('no counterexample')
  t.end()
})

t.test('octet by octet', t => {
  const frames = stream()
  const deframer = new Deframer()
  const found: Buffer[] = []
  for (const octet of Buffer.concat(frames))
    found.push(...deframer.take(Buffer.of(octet))!.map(f => Buffer.from(f)))

  t.same(found, frames)
  t.end()
})

t.test('what can be no frame is said so', t => {
  for (const bytes of ['\x05\x01\x00\x00', '\x16\x03\x01\x02\x00', '\xff\xff\xff\xff']) {
    t.equal(new Deframer().take(Buffer.from(bytes, 'latin1')), undefined)
  }
  t.end()
})

t.test('what is kept of a chunk is not a view of it', t => {
  const deframer = new Deframer()
  const chunk = Buffer.from('40000004', 'hex')
  deframer.take(chunk)
  chunk.fill(0)

  t.equal(deframer.take(Buffer.from('data'))![0]?.toString('latin1'), '\x40\x00\x00\x04data')
  t.end()
})

/** What a client over a stream sends. */
function stream(): Buffer[] {
  const client = new TurnClient({ random: octets(dice(1)), reliable: true })
  client.binding(0 as never)
  for (let length = 0; length < 6; length++)
    client.sendChannel(0x4000 as ChannelNumber, Buffer.alloc(length, 7))
  client.allocate({ lifetime: 600 }, 0 as never)
  return client.drain()
}
