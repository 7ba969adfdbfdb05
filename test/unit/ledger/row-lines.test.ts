import t from 'tap'
import { linesOfRows, rowsOfLines } from '../../../src/ledger/row-lines.ts'

const ROWS = Array.from({ length: 1000 }, (_, i) => ({ user: `<${i}> "é\n`, bytesToPeer: i }))

t.test('S-14: rows of an answer come from the ledger as they went, however often they are read', async t => {
  const rows = rowsOfLines(linesOfRows(ROWS))
  t.strictSame([...rows], ROWS)
  t.strictSame([...rows], ROWS)
  t.strictSame([...rowsOfLines(linesOfRows([]))], [])
})

t.test('S-14: no row of an answer is made before it is asked for', async t => {
  const rows = rowsOfLines(linesOfRows(ROWS))
  const { parse } = JSON
  let made = 0
  JSON.parse = text => {
    made++
    return parse(text) as unknown
  }
  t.teardown(() => {
    JSON.parse = parse
  })
  const each = rows[Symbol.iterator]()
  t.equal(made, 0)
  for (let i = 0; i < 3; i++) each.next()
  t.equal(made, 3)
})

t.test('rows are handed to another thread with the memory that they lie in', async t => {
  const { buffer, byteLength } = linesOfRows([{ user: 'alice' }])
  t.equal(buffer.byteLength, byteLength, 'which is nobody else’s')
})
