import fc from 'fast-check'
import t from 'tap'
import { routingRules } from '../../../src/net/kernel/routing-rules.ts'

const PORTS = { from: 20_000, to: 30_000 }
const PEER_PORT = [1, 0, 0]
const OTHER = [4, 0, 0]
const relayPort = (from: number, to: number) => [2, from, to]
const tos = (value: number) => [3, value, value]

t.test('S-03: without rules of the kind one question is asked', async t => {
  t.same(rules(), { byPeerPort: false, relayPorts: [0], tos: [0], hasOther: false })
})

t.test('S-03: what rules go by is asked for', async t => {
  t.same(rules(PEER_PORT, tos(0x10), tos(8), OTHER), {
    byPeerPort: true,
    relayPorts: [0],
    tos: [0, 0x10, 8],
    hasOther: true,
  })
})

t.test('S-03: of relay ports, one of each stretch that rules treat alike is asked from', async t => {
  t.same(rules(relayPort(53, 53)).relayPorts, [20_000], 'no relay port, but a rule may say "not"')
  t.same(rules(relayPort(25_000, 25_000)).relayPorts, [20_000, 25_000, 25_001])
  t.same(rules(relayPort(1, 65_535)).relayPorts, [20_000])
  t.same(rules(relayPort(29_999, 40_000), relayPort(20_000, 20_000)).relayPorts, [20_000, 20_001, 29_999])
})

t.test('S-03: every relay port is asked for by one that all rules treat alike', async t => {
  const port = fc.integer({ min: 1, max: 65_535 })
  const span = fc.tuple(port, port).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const)
  const relay = fc.integer({ min: PORTS.from, max: PORTS.to })
  const holds = fc.property(fc.array(span, { minLength: 1, maxLength: 16 }), relay, (spans, used) => {
    const lies = (at: number) => spans.map(([from, to]) => from <= at && at <= to).join()
    const { relayPorts } = rules(...spans.map(([from, to]) => relayPort(from, to)))
    return (
      relayPorts.every(asked => PORTS.from <= asked && asked <= PORTS.to) &&
      relayPorts.some(asked => lies(asked) === lies(used))
    )
  })
  t.doesNotThrow(() => fc.assert(holds))
})

t.test('S-03: rules that cannot be read, or are too many, may go by anything', async t => {
  t.same(
    routingRules(() => -7, PORTS),
    { byPeerPort: true, relayPorts: [20_000], tos: [0], hasOther: true },
  )
})

function rules(...selectors: readonly (readonly number[])[]) {
  return routingRules(words => {
    words.set(selectors.flat())
    return selectors.length
  }, PORTS)
}
