import t from 'tap'
import { type ConnectionPlace, Places } from '../../../src/http/places.ts'

/** Takes `count` places for an address and notes in `gone` which of them were taken away. */
function fill(places: Places, address: string, count: number, gone: string[]): ConnectionPlace[] {
  return Array.from({ length: count }, (_, i) => places.take(address, () => gone.push(`${address} ${i}`))!)
}

t.test('S-12: of the customer with the most places, the one that has waited longest goes first', async t => {
  const gone: string[] = []
  const places = new Places(5)
  fill(places, '192.0.2.1', 1, gone)
  const many = fill(places, '192.0.2.2', 4, gone)
  many[0]!.wait(false)
  many[1]!.wait(false)
  many[1]!.wait(true)

  t.ok(places.take('192.0.2.3', () => undefined))
  t.same(gone, ['192.0.2.2 2'], 'the first is being answered, and the second began to wait later')
  t.equal(places.taken, 5)
})

t.test('S-12: a newcomer gets a place of a customer that keeps all of them busy', async t => {
  const gone: string[] = []
  const places = new Places(3)
  for (const place of fill(places, '192.0.2.1', 3, gone)) place.wait(false)

  t.notOk(
    places.take('192.0.2.1', () => undefined),
    'but not the same customer',
  )
  t.ok(places.take('192.0.2.2', () => undefined))
  t.same(gone, ['192.0.2.1 0'])
})

t.test('S-12: addresses of one IPv6 customer share their places', async t => {
  const gone: string[] = []
  const places = new Places(3)
  fill(places, '2001:db8::1', 1, gone)
  fill(places, '2001:db8:0:1::2', 1, gone)
  fill(places, '192.0.2.1', 1, gone)
  places.take('192.0.2.2', () => undefined)

  t.same(gone, ['2001:db8::1 0'])
})

t.test('a place that was given back or taken away cannot wait again', async t => {
  const places = new Places(1)
  const [first] = fill(places, '192.0.2.1', 1, [])
  const second = places.take('192.0.2.2', () => undefined)!
  first!.wait(true)
  t.equal(places.taken, 1)
  second.leave()
  second.wait(true)
  t.equal(places.taken, 0)
})
