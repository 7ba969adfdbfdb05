import t from 'tap'
import type { Via } from '../../../src/base/via.ts'
import { minutes, Sim, seconds } from '../../sim/sim.ts'
import type { SimClient } from '../../sim/sim-client.ts'

const CHANNEL = 0x4001
const BOB = '198.51.100.7:40000'
/** Milliseconds between packets, each way. */
const PACE = 20
const LATENCY = 40
const MOVES = 20
const WAYS: readonly Via[] = ['udp', 'tcp', 'tls', 'udp']

interface Missed {
  readonly toBob: number
  readonly toPhone: number
}

/**
 * A phone in a call of ten minutes that goes twenty times to another address, and
 * mostly to another transport, speaking and listening all the while. Says what
 * each move cost. `breaks`: the old path is gone before the new one is asked for.
 */
function callOnTheMove(breaks: boolean): { readonly missed: readonly Missed[]; readonly roundTrip: number } {
  const sim = new Sim({ latency: LATENCY })
  const bob = sim.peer(BOB)
  let phone = sim.client('198.18.0.1:40000', { keepAlive: true })
  phone.allocate({ mobility: true })
  phone.bind(CHANNEL, bob)
  const { relayed } = phone
  const inboxes: string[][] = []
  const hears = (client: SimClient) => inboxes.push(client.inbox)
  hears(phone)
  let sent = 0
  let speaks: SimClient | undefined = phone

  const talk = () => {
    if (sent > 30_000) return
    speaks?.turn.sendChannel(CHANNEL as never, Buffer.from(`phone ${sent}`))
    if (speaks) speaks.flush()
    sim.net.send(bob.address, relayed, Buffer.from(`bob ${sent}`))
    sent++
    sim.timeline.at((sim.now + PACE) as never, talk)
  }
  sim.timeline.at(sim.now, talk)

  const counted = () => ({
    sent,
    toBob: new Set(bob.inbox).size,
    toPhone: new Set(inboxes.flat()).size,
  })
  const missed: Missed[] = []
  for (let i = 0; i < MOVES; i++) {
    sim.advance(seconds(5))
    const before = counted()
    const next = phone.at(`198.18.${i + 1}.1:${40_001 + i}`, { via: WAYS[i % WAYS.length]! })
    hears(next)
    if (breaks) {
      speaks = undefined
      // Whatever is sent there now is lost.
      if (phone.socket === undefined) sim.net.detach(phone.address)
      else phone.hangUp()
    }
    if (next.resume().kind !== 'resumed') throw new Error(`move ${i} was refused`)
    speaks = next
    sim.advance(seconds(10))
    const after = counted()
    const said = after.sent - before.sent
    missed.push({
      toBob: said - (after.toBob - before.toBob),
      toPhone: said - (after.toPhone - before.toPhone),
    })
    phone = next
  }
  sim.advance(minutes(5))
  if (sim.allocations !== 1) throw new Error('the call has ended')
  return { missed, roundTrip: (2 * LATENCY) / PACE }
}

t.test(
  'a phone that has the new path before it leaves the old one misses nothing in twenty moves [MOB-09]',
  t => {
    const { missed, roundTrip } = callOnTheMove(false)
    for (const { toBob, toPhone } of missed) {
      t.ok(toBob <= roundTrip, `${toBob} to bob`)
      t.ok(toPhone <= roundTrip, `${toPhone} to the phone`)
    }
    t.comment(JSON.stringify(missed))
    t.end()
  },
)

t.test('one that breaks first misses the round trips of its nonce and its ticket', t => {
  const { missed, roundTrip } = callOnTheMove(true)
  for (const { toBob, toPhone } of missed) {
    t.ok(toBob <= 2 * roundTrip + 1, `${toBob} to bob`)
    t.ok(toPhone <= 3 * roundTrip + 1, `${toPhone} to the phone`)
  }
  t.comment(JSON.stringify(missed))
  t.end()
})
