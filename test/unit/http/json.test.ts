import fc from 'fast-check'
import t from 'tap'
import { encodePieces, jsonPieces } from '../../../src/http/json.ts'

const item = fc.record({ id: fc.nat(), text: fc.string(), maybe: fc.option(fc.boolean()) })
const list = fc.array(item, { maxLength: 200, size: 'max' })

t.test('S-14: long lists are written in pieces that together are the JSON of the whole', async () => {
  const value = fc.oneof(
    fc.record({ sessions: list, more: fc.nat(), others: list, absent: fc.constant(undefined) }),
    fc.record({ first: fc.string(), sessions: list }),
    fc.record({ recent: fc.record({ step: fc.nat(), points: list }), day: fc.record({ points: list }) }),
    list,
    fc.constant(null),
    fc.string(),
    fc.record({}),
  )
  await fc.assert(
    fc.asyncProperty(value, async value => {
      const text = JSON.stringify(value)
      return [...jsonPieces(value)].join('') === text && (await encoded(jsonPieces(value))) === text
    }),
  )
})

t.test('S-14: no piece holds more than a few items, wherever in the value they stand', async t => {
  const sessions = Array.from({ length: 10_000 }, (_, i) => ({ id: i }))
  for (const value of [{ sessions, more: 7 }, { live: { sessions } }, sessions]) {
    const items = [...jsonPieces(value)].map(piece => piece.split('"id"').length - 1)
    t.equal(
      items.reduce((sum, count) => sum + count, 0),
      10_000,
    )
    t.ok(Math.max(...items) <= 16)
  }
  t.same([...jsonPieces({ sessions: sessions.slice(0, 3) })], ['{"sessions":[{"id":0},{"id":1},{"id":2}]}'])
})

t.test('S-14: an item of a list that is no array is made when it is written', async t => {
  let made = 0
  function* items() {
    while (made < 100) yield { id: made++ }
  }
  const pieces = jsonPieces({ items: items(), more: 0 })
  const texts: string[] = []
  for (const piece of pieces) {
    texts.push(piece)
    t.ok(made - (texts.join('').split('"id"').length - 1) <= 1)
  }
  const { items: written } = JSON.parse(texts.join(''))
  t.equal(written.length, 100)
  t.same([...jsonPieces({ items: new Set() })].join(''), '{"items":[]}')
})

async function encoded(pieces: Iterable<string>): Promise<string> {
  return Buffer.concat(await encodePieces(pieces)).toString()
}
