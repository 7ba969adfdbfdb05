import t from 'tap'
import type { Time } from '../../../src/base/time.ts'
import type { Command } from '../../../src/core/command.ts'
import type { Input } from '../../../src/core/input.ts'
import { minutes, Sim, seconds } from '../../sim/sim.ts'

const MANY = 400
/** Allocations that may end in one turn. */
const A_TURN = 40

t.test('S-14: however many allocations expire in one second, one turn ends a few of them', t => {
  const sim = crowd()
  const closes = turnsOf(sim, { kind: 'tick' }, minutes(11)).map(commands => count(commands, 'close'))
  t.equal(sum(closes), MANY, 'all have ended')
  t.ok(Math.max(...closes) <= A_TURN, `${Math.max(...closes)} at most`)
  t.equal([...sim.relay.allocations()].length, 0)
  t.end()
})

t.test('S-14: a new configuration is applied to a few allocations in each turn, and to all in the end', t => {
  const sim = crowd(true)
  const limits = { ...sim.config.limits, bytesPerSecondPerUser: 12_345 }
  const routes = turnsOf(sim, { kind: 'configure', config: { ...sim.config, limits } }).map(commands =>
    count(commands, 'route'),
  )
  t.equal(sum(routes), MANY)
  t.ok(Math.max(...routes) <= A_TURN, `${Math.max(...routes)} at most`)
  t.end()
})

t.test('SEC-08: what is still to be judged by a new configuration is counted until nothing is', t => {
  const sim = crowd(true)
  t.equal(sim.relay.unjudged, 0)
  const left: number[] = []
  for (let next: Input = { kind: 'configure', config: sim.config }; ; next = { kind: 'continue' }) {
    sim.relay.handle(next, sim.now)
    left.push(sim.relay.unjudged)
    if (sim.relay.unjudged === 0 || left.length > MANY) break
  }
  t.ok(left[0]! > 0 && left[0]! < MANY, `${left[0]} after the first turn`)
  t.same(
    left,
    [...left].sort((a, b) => b - a),
    'never more than before',
  )
  t.equal(left.at(-1), 0)
  t.end()
})

t.test('what can be done in one turn is done at once', t => {
  const sim = crowd()
  t.same(turnsOf(sim, { kind: 'tick' }), [[]])
  t.end()
})

t.test('an allocation that ends before its turn, and one that begins, are in nobody’s way', t => {
  const sim = crowd()
  sim.configure({ limits: { ...sim.config.limits, bytesPerSecondPerUser: 12_345 } })
  const newcomer = sim.client('192.0.2.200:50000')
  newcomer.allocate()
  for (const { id } of [...sim.relay.allocations()].slice(100, 200)) {
    sim.shard.take({ kind: 'revoke', allocation: id, reason: 'revoked' })
  }
  sim.advance(seconds(1))
  t.equal(sim.allocations, MANY - 100 + 1)
  t.end()
})

/** Many clients with an allocation each, and a channel if they are to talk. */
function crowd(talking = false): Sim {
  const sim = new Sim()
  const peer = sim.peer('198.51.100.7:40000')
  for (let i = 0; i < MANY; i++) {
    const client = sim.client(`10.1.${i >> 8}.${i & 255}:50000`, { user: `@user${i}:example.org` })
    client.allocate()
    if (talking) client.bind(0x4001, peer)
  }
  return sim
}

/** What the core commands for an input, turn by turn. */
function turnsOf({ relay, now }: Sim, input: Input, later = 0): (readonly Command[])[] {
  const turns: (readonly Command[])[] = []
  const at = (now + later) as Time
  for (let next = input; turns.length <= MANY; next = { kind: 'continue' }) {
    const commands = relay.handle(next, at)
    turns.push(commands.filter(({ kind }) => kind !== 'continue'))
    if (count(commands, 'continue') === 0) break
  }
  return turns
}

function count(commands: readonly Command[], kind: Command['kind']): number {
  return commands.filter(command => command.kind === kind).length
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0)
}
