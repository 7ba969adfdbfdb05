import { formatAddress } from '../../../src/base/address.ts'
import type { Stage } from '../../sim/actions.ts'
import type { Sim, SimOptions } from '../../sim/sim.ts'
import {
  mutateProgram,
  OPERATIONS,
  PEER,
  readProgram,
  type Step,
  step,
  TOKEN,
  writeProgram,
} from '../program.ts'
import { Story } from '../story.ts'
import { join } from '../stun.ts'
import { must, type Target } from '../target.ts'
import { Witness } from '../witness.ts'

/** The relay in its simulated world: the octets are a program of what clients, peers, attackers and operators do. */
export const relay: Target = {
  name: 'relay',
  longest: 4096,
  slow: 150,
  seeds,
  run(input) {
    const { world, steps } = readProgram(input)
    play(new Story(optionsOf(world)), steps, (world & 0x40) !== 0)
  },
  mutate: mutateProgram,
}

/** The same story with and without the route table: everybody outside must see the same. */
export const twins: Target = {
  ...relay,
  name: 'twins',
  run(input) {
    const { world, steps } = readProgram(input)
    // Which datagram of a batch a bandwidth limit hits is not part of the promise.
    const options = { ...optionsOf(world & ~0x04), batching: 1 }
    const fast = new Story({ ...options, forwarder: 'table' })
    const slow = new Story({ ...options, forwarder: 'none' })
    for (const each of steps) {
      fast.do(each)
      slow.do(each)
    }
    must(seen(fast.stage) === seen(slow.stage), 'the route table makes a difference')
  },
}

function optionsOf(world: number): SimOptions {
  return {
    forwarder: world & 0x01 ? 'none' : 'table',
    batching: world & 0x02 ? 1 : 8,
    openDelay: world & 0x08 ? 700 : 0,
    limits: world & 0x04 ? { bytesPerSecondPerUser: 2000, bytesPerSecond: 3000 } : {},
    config: {
      classicStun: (world & 0x10) !== 0,
      legacyChannelNumbers: (world & 0x20) !== 0,
      userhash: (world & 0x20) !== 0,
      mappedAddress: (world & 0x10) !== 0,
      dontFragment: (world & 0x80) !== 0,
    },
  }
}

function play(story: Story, steps: readonly Step[], toTheEnd: boolean): void {
  const { stage } = story
  const { sim } = stage
  const empty = JSON.stringify(sim.relay.sizes())
  const witness = new Witness(stage)
  for (const each of steps) {
    const before = OPERATIONS[each.operation] === 'raw' ? granted(sim) : undefined
    story.do(each)
    witness.look(OPERATIONS[each.operation] === 'policy')
    must(before === undefined || before === granted(sim), 'an unsigned datagram left something')
  }
  if (!toTheEnd) return
  stage.end()
  must(JSON.stringify(sim.relay.sizes()) === empty, `left: ${JSON.stringify(sim.relay.sizes())}`)
  must(sim.world.claims.length === sim.world.settled, 'a claim without end')
  must(sim.world.relaySockets().length === 0, 'a relay socket is left')
  must(sim.buckets.takers === 0, 'a token bucket was not given back')
  must(sim.world.held.size === 0, 'a unit of some quota is left')
  const closed = sim.told('closed').map(event => event.allocation)
  must(new Set(closed).size === closed.length, 'closed twice')
  must(
    sim.told('opened').every(({ allocation }) => closed.includes(allocation)),
    'opened and never closed',
  )
}

/** How much of everything there is but routes and their links: data makes those, of what was granted before. The witness counts them. */
function granted(sim: Sim): string {
  const { peers: _, links: __, ...rest } = sim.relay.sizes()
  return JSON.stringify(rest)
}

/** All that anybody outside has seen, as text. */
function seen(stage: Stage): string {
  const hex = (list: readonly Buffer[]) =>
    list.map(bytes => `${bytes.length}:${bytes.toString('hex', 0, 8)}`).sort()
  return JSON.stringify([
    stage.clients.map(client => [
      client.errors,
      client.received
        .map(({ peer, bytes }) => `${formatAddress(peer)} ${bytes.length}:${bytes[0] ?? ''}`)
        .sort(),
    ]),
    stage.peers.map(peer => hex(peer.datagrams.map(({ bytes }) => bytes))),
    stage.sim.told('closed').map(({ traffic }) => traffic),
    (['udp', 'tcp'] as const).map(via => stage.sim.counters.traffic(via)),
  ])
}

/** A call from its beginning to its end, in each of a few ways. */
function seeds(): Buffer[] {
  const allocate = (client: number, bits = 0) => step('allocate', client, bits, 0)
  const call = (client: number, target: number) => [
    allocate(client),
    step('permit', client, 1, target),
    step('indication', client, 1, target),
    step('peer', client, target, 1),
    step('peer', client, target, 3),
    step('bind', client, 0, target),
    step('channel', client, 0, 6),
    step('indication', client, 6, target),
    step('peer', client, target, 6),
  ]
  const attribute = (type: number, value = Buffer.alloc(0)) =>
    join([{ type, length: value.length, octets: Buffer.concat([value, Buffer.alloc(-value.length & 3)]) }])
  const request = (client: number, how: number, method: number, ...attributes: Buffer[]) =>
    step('signed', client, how, method, 0, method, ...attributes)
  const transport = attribute(0x0019, Buffer.from([17, 0, 0, 0]))
  const stories: Step[][] = [
    call(0, 0),
    [...call(2, 5), step('refresh', 2, 1, 0)],
    [...call(3, 0), step('hang-up', 3)],
    [
      ...call(0, 0),
      ...call(1, 6),
      step('permit', 0, 1, 7),
      step('channel', 1, 0, 6),
      step('burst', 0, 7, 6, 2, 6, 1),
    ],
    [allocate(0, 3), allocate(1, 16), step('advance', 3, 2)],
    [allocate(0, 4), step('permit', 0, 2, 0, 5), step('refresh', 0, 1, 1), step('refresh', 0, 1, 2)],
    [
      step('drain', 0, 1),
      allocate(0),
      step('drain', 0, 0),
      allocate(0),
      step('policy', 0, 1),
      step('permit', 0, 1, 2),
    ],
    [
      ...call(0, 2),
      step('policy', 0, 1),
      step('channel', 0, 0, 6),
      step('reload', 0, 8),
      step('channel', 0, 0, 6),
    ],
    [...call(0, 0), step('unreachable', 0, 0, 3), step('revoke', 0), step('fail-bind', 0, 0), allocate(0)],
    [
      request(0, 0, 3, transport),
      request(0, 0, 8, attribute(PEER)),
      request(0, 0, 9, attribute(0x000c, Buffer.from([0x40, 0, 0, 0])), attribute(PEER + 1)),
      step('signed', 0, 3, 6, 1, 7, attribute(PEER), attribute(0x0013, Buffer.from('hello'))),
      request(0, 0, 4, attribute(0x000d, Buffer.alloc(4))),
    ],
    [request(0, 0x02, 3, transport), request(1, 0x10, 3, transport), request(0, 0x40, 3, transport)],
    [
      request(0, 0x80, 3, transport, attribute(0x0018, Buffer.from([0x80]))),
      request(1, 0, 3, transport, attribute(TOKEN, Buffer.alloc(8))),
    ],
    [step('raw', 0, Buffer.from('000100002112a442000000000000000000000000', 'hex'))],
    [step('raw', 0, Buffer.from('0001000000000000000000000000000000000000', 'hex'))],
  ]
  return stories.flatMap(story => [0, 1, 8, 0x44, 0x70].map(world => writeProgram(world, story)))
}
