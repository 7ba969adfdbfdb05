import t from 'tap'
import { password, sharedSecrets } from '../../../src/auth/shared-secret.ts'
import type { Seconds, Time } from '../../../src/base/time.ts'
import { minutes, Sim, seconds } from '../../sim/sim.ts'

const SECRET = Buffer.from('secret')
const HOUR = 3_600_000
const YEAR = 365 * 24 * HOUR
const GRACE = 60

/** A relay whose machine believes to be `ahead` of the right time. */
function start({ ahead = 0, strictExpiry = false, maxLifetime }: Options = {}) {
  const clock = { ahead }
  const authenticate = sharedSecrets(
    [{ tenant: 'example.org', secret: SECRET, algorithm: 'sha1', paused: false }],
    { grace: GRACE as Seconds, ...(maxLifetime && { maxLifetime: maxLifetime as Seconds }) },
  )
  const wall = (at: Time) => (at + clock.ahead) as Time
  const sim = new Sim({ authenticate, config: { strictExpiry }, environment: { wall } })
  let port = 50_000
  /** A client whose credential ends so many seconds from the right time on. */
  const client = (lifetime: number) => {
    const username = `${(sim.timeline.now() + lifetime * 1000) / 1000}:@alice:example.org`
    return sim.client(`192.0.2.10:${port++}`, { username, password: password(SECRET, username) })
  }
  return { sim, clock, client }
}

interface Options {
  readonly ahead?: number
  readonly strictExpiry?: boolean
  readonly maxLifetime?: number
}

for (const [what, step] of [
  ['an hour forward', HOUR],
  ['an hour back', -HOUR],
  ['ten years forward', 10 * YEAR],
] as const) {
  t.test(`a wall clock that jumps ${what} ends no allocation before or after its time [OPS-14]`, t => {
    const { sim, clock, client } = start()
    const alice = client(86_400)
    const bob = sim.peer('198.51.100.7:40000')
    alice.allocate()
    alice.bind(0x4001, bob)
    const lifetime = 600

    clock.ahead = step
    sim.advance(seconds(lifetime - 5))
    alice.permit(bob)
    alice.send(bob, 'still here')
    sim.advance(seconds(1))
    t.same(bob.inbox, ['still here'])
    t.same(alice.errors, [], 'nor is a nonce of before the jump stale')

    sim.advance(seconds(5))
    t.equal([...sim.relay.allocations()].length, 0, 'it ends when it should')
    t.end()
  })
}

t.test('credentials are judged by the wall clock, whichever way it jumps [OPS-14, NODE-08]', t => {
  const { clock, client } = start()

  clock.ahead = HOUR
  const late = client(1800)
  late.allocate()
  t.same(late.errors, [401], 'over by the clock of the machine')

  clock.ahead = -HOUR
  const early = client(-1800)
  early.allocate()
  t.same(early.errors, [], 'not yet over')
  t.end()
})

t.test('a relay that started years in the past judges rightly once the clock is set [OPS-14]', t => {
  const { sim, clock, client } = start({ ahead: -30 * YEAR, maxLifetime: 86_400 })
  const before = client(3600)
  before.allocate()
  t.same(before.errors, [401], 'by the clock of the machine it is valid for decades')

  clock.ahead = 0
  const alice = client(3600)
  alice.allocate()
  t.same(alice.errors, [])
  const over = client(-3600)
  over.allocate()
  t.same(over.errors, [401])
  sim.advance(minutes(5))
  alice.refresh()
  t.same(alice.errors, [])
  t.end()
})

t.test('what was allocated before the clock was set lives on [OPS-14]', t => {
  const { sim, clock, client } = start({ ahead: -30 * YEAR })
  const alice = client(3600)
  alice.allocate()

  clock.ahead = 0
  sim.advance(minutes(5))
  alice.refresh()
  sim.advance(minutes(8))
  alice.refresh()

  t.same(alice.errors, [])
  t.equal([...sim.relay.allocations()].length, 1)
  t.end()
})

t.test('with strict expiry a refresh is judged by the wall clock too [OPS-14]', t => {
  const { clock, client } = start({ strictExpiry: true })
  const alice = client(1800)
  alice.allocate()
  alice.refresh()
  t.same(alice.errors, [])

  clock.ahead = HOUR
  alice.refresh()

  t.same(alice.errors, [401])
  t.end()
})
