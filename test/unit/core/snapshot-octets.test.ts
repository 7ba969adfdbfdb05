import fc from 'fast-check'
import t from 'tap'
import { OctetReader } from '../../../src/core/snapshot/octet-reader.ts'
import { ChunkWriter } from '../../../src/core/snapshot/octet-writer.ts'

class Reader extends OctetReader {
  secret(): Buffer {
    return this.octets()
  }
}

/** Kinds of values, with the lengths at which they are written in different ways. */
const value = fc.oneof(
  fc.record({ kind: fc.constant('u8' as const), value: fc.integer({ min: 0, max: 0xff }) }),
  fc.record({ kind: fc.constant('u16' as const), value: fc.integer({ min: 0, max: 0xffff }) }),
  fc.record({ kind: fc.constant('u32' as const), value: fc.integer({ min: 0, max: 0xffff_ffff }) }),
  fc.record({ kind: fc.constant('f64' as const), value: fc.double({ noNaN: true }) }),
  fc.record({ kind: fc.constant('octets' as const), value: fc.uint8Array({ maxLength: 2000 }) }),
  fc.record({ kind: fc.constant('few' as const), value: fc.uint8Array({ maxLength: 16 }) }),
  fc.record({ kind: fc.constant('ascii' as const), value: fc.string({ maxLength: 80 }) }),
  fc.record({ kind: fc.constant('text' as const), value: fc.string({ unit: 'binary', maxLength: 80 }) }),
  fc.record({
    kind: fc.constant('latin1' as const),
    value: fc.uint8Array({ maxLength: 80 }).map(octets => Buffer.from(octets).toString('latin1')),
  }),
)
type Value = typeof value extends fc.Arbitrary<infer V> ? V : never

function write(writer: ChunkWriter, { kind, value }: Value): void {
  if (kind === 'octets' || kind === 'few') writer.octets(value)
  else if (kind === 'ascii' || kind === 'text') writer.text(value, 'utf8')
  else if (kind === 'latin1') writer.text(value, 'latin1')
  else writer[kind](value)
}

function read(reader: Reader, { kind }: Value): unknown {
  if (kind === 'octets') return Uint8Array.from(reader.octets())
  if (kind === 'few') return reader.few(16)
  if (kind === 'ascii' || kind === 'text') return reader.text('utf8')
  return kind === 'latin1' ? reader.text('latin1') : reader[kind]()
}

t.test('whatever is written is read again, in whatever order and however long', async t => {
  fc.assert(
    fc.property(fc.array(value, { maxLength: 300 }), values => {
      const writer = new ChunkWriter()
      for (const one of values) write(writer, one)
      const written = Buffer.concat(writer.chunks())
      const reader = new Reader(written)
      const found = values.map(one => read(reader, one))
      if (!reader.isAtEnd || writer.length !== written.length) return false
      // What was read is not a view of what it was read from.
      written.fill(0)
      return values.every(({ value }, i) =>
        value instanceof Uint8Array
          ? Buffer.compare(value, found[i] as Uint8Array) === 0
          : Object.is(value, found[i]),
      )
    }),
    { numRuns: 200 },
  )
  t.pass()
})

t.test('a chunk ends where the next value has no room, and a value may be longer than a chunk', async t => {
  const writer = new ChunkWriter()
  const long = Buffer.alloc(1_000_000, 7)
  for (let i = 0; i < 60_000; i++) writer.f64(i)
  writer.octets(long)
  writer.text('ü'.repeat(300_000), 'utf8')
  t.ok(writer.chunks().length > 3)
  const reader = new Reader(Buffer.concat(writer.chunks()))
  for (let i = 0; i < 60_000; i++) if (reader.f64() !== i) t.fail(`${i}`)
  t.ok(reader.octets().equals(long))
  t.equal(reader.text('utf8'), 'ü'.repeat(300_000))
  t.ok(reader.isAtEnd)
})

t.test('what is cut off is refused, wherever that is', async t => {
  const writer = new ChunkWriter()
  writer.text('@alice:example.org', 'utf8')
  writer.octets(Buffer.alloc(20, 1))
  const whole = Buffer.concat(writer.chunks())
  for (let length = 0; length < whole.length; length++) {
    const reader = new Reader(whole.subarray(0, length))
    t.throws(() => [reader.text('utf8'), reader.octets()], /ends too early/, `${length}`)
  }
  const longer = new Reader(whole)
  longer.text('utf8')
  t.throws(() => longer.few(16), /20 octets where 16 are the most/)
})
