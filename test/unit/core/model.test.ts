import fc from 'fast-check'
import t from 'tap'
import { type Address, formatAddress, ipKey } from '../../../src/base/address.ts'
import type { Time } from '../../../src/base/time.ts'
import { type Action, actions, Stage } from '../../sim/actions.ts'
import type { SimOptions } from '../../sim/sim.ts'
import type { SimClient } from '../../sim/sim-client.ts'

/** More runs, or another seed, for whoever has the time. */
const RUNS = {
  numRuns: Number(process.env.MODEL_RUNS ?? 150),
  seed: Number(process.env.MODEL_SEED ?? 20_260_801),
}
const PERMISSION = 300_000
const CHANNEL = 600_000

/** What a client may do by the answers it got, kept apart from the relay's own books. */
interface Rights {
  relayed: readonly Address[]
  readonly permissions: Map<number | string, Time>
  readonly channels: Map<Address['key'], Time>
  events: number
  received: number
}

for (const [name, options] of [
  ['with the route table', { forwarder: 'table' }],
  ['without it', { forwarder: 'none' }],
  ['when binding takes time', { forwarder: 'table', openDelay: 700 }],
  ['with a bandwidth limit', { forwarder: 'table', limits: { bytesPerSecondPerUser: 2000 } }],
] as const satisfies readonly (readonly [string, SimOptions])[]) {
  t.test(
    `whatever happens: no throw, no data without permission, no denied peer, one end for each claim, nothing left (${name}) [TURN-PERM-04, TURN-SEC-04]`,
    t => {
      fc.assert(
        fc.property(actions(4), list => play(new Stage({ ...options, batching: 4 }), list)),
        RUNS,
      )
      t.pass('no counterexample')
      t.end()
    },
  )
}

t.test('the model does see traffic, so that its silence means something', t => {
  let toPeers = 0
  let toClients = 0
  let moves = 0
  for (const list of fc.sample(actions(4), { numRuns: 150, seed: RUNS.seed })) {
    const stage = new Stage()
    for (const action of list) stage.do(action)
    toPeers += stage.sim.world.toPeers.length
    moves += stage.sim.counters.read('roamed')
    for (const client of stage.clients) toClients += client.received.length
  }
  t.ok(toPeers > 100, `${toPeers} to peers`)
  t.ok(toClients > 20, `${toClients} to clients`)
  t.ok(moves > 20, `${moves} moves`)
  t.end()
})

/** Plays a list of actions, checking after each, and then lets everything end. */
function play(stage: Stage, list: readonly Action[]): void {
  const { sim } = stage
  const empty = sim.relay.sizes()
  const rights = new Map<SimClient, Rights>()
  let sent = 0
  for (const action of list) {
    stage.do(action)
    for (const client of stage.clients) learn(rights, client, stage.before.get(client), sim.now)
    // What an advance sent on has left at moments that were earlier, so only the policy can be asked.
    for (const { from, to } of sim.world.toPeers.slice(sent)) {
      check(stage.reach(to) === 'yes' || action.kind === 'policy', `${formatAddress(to)} is denied`)
      check(to.port !== 0, 'port 0')
      const sender = [...rights.values()].find(one => one.relayed.some(relayed => relayed.key === from.key))
      check(sender !== undefined, `${formatAddress(from)} is nobody's`)
      check(mayFlow(sender, to, sim.now), `${formatAddress(to)} was not permitted`)
    }
    sent = sim.world.toPeers.length
    for (const [client, own] of rights) {
      for (const { peer } of client.received.slice(own.received)) {
        check(stage.reach(peer) !== 'no', `${formatAddress(peer)} is denied and was heard`)
        check(mayFlow(own, peer, sim.now), `${formatAddress(peer)} was heard`)
      }
      own.received = client.received.length
    }
    check(sim.world.hairpins === 0, 'something went to our own address by the network')
    check(
      sim.told('opened').length - sim.told('closed').length <= sim.allocations,
      'more open than there are',
    )
  }
  stage.end()
  check(sim.world.claims.length === sim.world.settled, 'a claim without end')
  const closed = sim.told('closed').map(event => event.allocation)
  const opened = sim.told('opened').map(event => event.allocation)
  check(new Set(closed).size === closed.length, 'closed twice')
  check(
    opened.every(id => closed.includes(id)),
    'opened and never closed',
  )
  check(
    JSON.stringify(sim.relay.sizes()) === JSON.stringify(empty),
    `left: ${JSON.stringify(sim.relay.sizes())}`,
  )
  check(sim.world.relaySockets().length === 0, 'a relay socket is left')
  check(sim.buckets.takers === 0, 'a token bucket was not given back')
  check(sim.world.held.size === 0, 'a unit of some quota is left')
}

/** Takes in what a client has been answered since. */
function learn(
  rights: Map<SimClient, Rights>,
  client: SimClient,
  before: SimClient | undefined,
  now: Time,
): void {
  let own = rights.get(client)
  if (!own) {
    own = { relayed: [], permissions: new Map(), channels: new Map(), events: 0, received: 0 }
    const had = before && rights.get(before)
    if (had) {
      own = { ...had, events: 0, received: 0 }
      had.relayed = []
    }
    rights.set(client, own)
  }
  for (const event of client.events.slice(own.events)) {
    if (event.kind === 'allocated') {
      // Who had this address before has lost it, perhaps without being told.
      const isTaken = (one: Address) => event.relayed.some(relayed => relayed.key === one.key)
      for (const other of rights.values()) other.relayed = other.relayed.filter(one => !isTaken(one))
      own.relayed = event.relayed
      own.permissions.clear()
      own.channels.clear()
    } else if (event.kind === 'permitted') {
      for (const peer of event.peers) own.permissions.set(ipKey(peer.ip), now)
    } else if (event.kind === 'bound') {
      own.permissions.set(ipKey(event.peer.ip), now)
      own.channels.set(event.peer.key, now)
    }
  }
  own.events = client.events.length
}

/** A permission for the IP address, or a channel to exactly this peer, lets data flow both ways. */
function mayFlow(own: Rights, to: Address, now: Time): boolean {
  const permitted = own.permissions.get(ipKey(to.ip))
  const bound = own.channels.get(to.key)
  return (
    (permitted !== undefined && now - permitted < PERMISSION) ||
    (bound !== undefined && now - bound < CHANNEL)
  )
}

function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what)
}
