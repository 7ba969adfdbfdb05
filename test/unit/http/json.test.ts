import fc from 'fast-check'
import t from 'tap'
import { jsonPieces } from '../../../src/http/json.ts'

const item = fc.record({ id: fc.nat(), text: fc.string(), maybe: fc.option(fc.boolean()) })
const list = fc.array(item, { maxLength: 200, size: 'max' })

t.test('S-14: long lists are written in pieces that together are the JSON of the whole', async () => {
  const value = fc.oneof(
    fc.record({ sessions: list, more: fc.nat(), others: list, absent: fc.constant(undefined) }),
    fc.record({ first: fc.string(), sessions: list }),
    list,
    fc.constant(null),
    fc.string(),
    fc.record({}),
  )
  await fc.assert(
    fc.asyncProperty(value, async value => (await jsonPieces(value)).join('') === JSON.stringify(value)),
  )
})

t.test('S-14: no piece holds more than a few dozen items', async t => {
  const sessions = Array.from({ length: 10_000 }, (_, i) => ({ id: i }))
  const pieces = await jsonPieces({ sessions, more: 7 })
  const items = pieces.map(piece => piece.split('"id"').length - 1)
  t.equal(
    items.reduce((sum, count) => sum + count, 0),
    10_000,
  )
  t.ok(Math.max(...items) <= 32)
  t.same(await jsonPieces({ sessions: sessions.slice(0, 3) }), ['{"sessions":[{"id":0},{"id":1},{"id":2}]}'])
})
