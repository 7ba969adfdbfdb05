import { type Address, address } from '../../../src/base/address.ts'
import type { Batch } from '../../../src/base/batch.ts'
import type { ChannelNumber } from '../../../src/base/ids.ts'
import type { Dice } from '../../sim/random.ts'
import type { Sim } from '../../sim/sim.ts'
import { amount, work } from '../coverage.ts'
import { upTo } from '../mutate.ts'
import { Octets } from '../octets.ts'
import {
  MOST_DOUBLINGS,
  mutateProgram,
  OPERATIONS,
  readProgram,
  type Step,
  step,
  writeProgram,
} from '../program.ts'
import { Story } from '../story.ts'
import { must, type Target } from '../target.ts'

/**
 * What hostile clients can make the relay work and keep: the same programs as for `relay`, with the limits that it
 * comes with, and steps that are done up to 256 times, with other ports or addresses each time. Work is counted in places
 * passed, so the verdict is the same on every machine; without instrumentation there is none.
 */
export const cost: Target = {
  name: 'cost',
  longest: 1024,
  slow: 5000,
  seeds,
  run(input) {
    const { world, steps } = readProgram(input)
    const crowd = new Crowd(world)
    let left = MOST
    for (const each of steps) {
      const times = Math.min(left, 2 ** each.doublings)
      left -= times
      if (times > 0) crowd.do(each, times)
    }
  },
  mutate,
  summary: () =>
    [...dearest]
      .sort(([, a], [, b]) => b.places - a.places)
      .map(([kind, { places, octets }]) => `${kind.padEnd(24)} ${places} places, ${octets} octets`)
      .join('\n'),
}

/**
 * Places that may be passed: for a datagram, for each octet of it, and for each thing that it ends (what is given back was
 * paid for when it was taken); for one turn of what is done for many, at the worst with an allocation at all its limits
 * in the end. And the things that may be kept of a datagram.
 *
 * A datagram may make tables of rows grow, each of which moves a part of itself then (`row-index.ts`); some hundred
 * entries of some twenty places each, and no more as tables get larger in these programs.
 */
const BUDGET = { datagram: 16_000, octet: 60, ended: 400, turn: 130_000, kept: 16, octetsPerThing: 6 }
/** Steps of one program, repetitions included. */
const MOST = 500
const dearest = new Map<string, { readonly places: number; readonly octets: number }>()

/** A step that is done 2^doublings times. */
function often(doublings: number, one: Step): Step {
  return { ...one, doublings }
}

class Crowd {
  readonly #story: Story
  readonly #sim: Sim
  #clients = 0
  #inside = 0
  #held = 0

  constructor(world: number) {
    this.#story = new Story({
      forwarder: world & 0x01 ? 'none' : 'table',
      batching: 1,
      ports: [49_152, 65_535],
      allocationsPerUser: 1000,
      limits: { permissionsPerAllocation: 256, channelsPerAllocation: 256 },
    })
    this.#sim = this.#story.stage.sim
    this.#held = this.#count()
    this.#watch()
  }

  /** Does a step so many times; each time is about another port, address or client, where it is about one. */
  do(one: Step, times: number): void {
    const { stage } = this.#story
    const octets = new Octets(one.body)
    const client = stage.clients[octets.below(stage.clients.length)]!
    switch (OPERATIONS[one.operation]) {
      case 'bind': {
        const channel = 0x4000 + octets.of([0, 1, 2, 0xfff, 0x1000])
        const target = stage.target(octets.below(10))
        const way = octets.u8()
        for (let i = 0; i < times; i++) {
          client.turn.bind((channel + i) as ChannelNumber, other(target, i, way), this.#sim.now)
          client.flush()
        }
        return
      }
      case 'permit': {
        const [target, way] = [stage.target(octets.below(10)), octets.u8()]
        const peers = Array.from({ length: times }, (_, i) => other(target, i, way))
        client.turn.permit(peers, this.#sim.now)
        client.flush()
        return
      }
      case 'indication': {
        const [target, way] = [stage.target(octets.below(10)), octets.u8()]
        for (let i = 0; i < times; i++) client.send(other(target, i, way), 'x')
        return
      }
      case 'peer': {
        const [target, way] = [stage.target(octets.below(6)), octets.u8()]
        const [relayed] = client.turn.relayed
        if (!relayed || relayed.family !== target.family) return
        for (let i = 0; i < times; i++) this.#sim.net.send(other(target, i, way), relayed, Buffer.alloc(1))
        this.#sim.settle()
        return
      }
      case 'allocate': {
        for (let i = 1; i < times && this.#clients < 256; i++) {
          const at = `192.0.2.20:${10_000 + this.#clients++}`
          this.#sim.client(at, { user: client.user }).allocate({ port: octets.of(['any', 'pair'] as const) })
        }
        this.#story.do(one)
        return
      }
      case 'signed':
      case 'raw':
      case 'channel':
      case 'refresh':
        for (let i = 0; i < times; i++) this.#story.do(one)
        return
      default:
        this.#story.do(one)
    }
  }

  /** Counts what the shard works for each datagram, and for each turn of its own. */
  #watch(): void {
    const { shard } = this.#sim
    const received = shard.received.bind(shard)
    const take = shard.take.bind(shard)
    shard.received = batch => {
      const octets = octetsOf(batch)
      this.#measure(kindOf(batch), BUDGET.datagram + BUDGET.octet * octets, octets, () => received(batch))
    }
    shard.take = input => this.#measure(input.kind, BUDGET.turn, 0, () => take(input))
  }

  #measure(kind: string, most: number, octets: number, run: () => void): void {
    const before = work()
    this.#inside++
    run()
    this.#inside--
    // What the world answers at once is part of what asked for it.
    if (this.#inside > 0) return
    const places = work() - before
    amount(`work ${kind}`, places)
    if (places > (dearest.get(kind)?.places ?? 0)) dearest.set(kind, { places, octets })
    const held = this.#count()
    const more = held - this.#held
    this.#held = held
    const ended = Math.max(0, -more)
    must(places <= most + BUDGET.ended * ended, `${kind}: ${places} places for ${octets} octets`)
    amount('held', held)
    amount(`held ${kind}`, more)
    must(
      more <= BUDGET.kept + octets / BUDGET.octetsPerThing,
      `${kind}: keeps ${more} things for ${octets} octets`,
    )
  }

  #count(): number {
    return Object.values(this.#sim.relay.sizes()).reduce((sum, size) => sum + size, 0)
  }
}

/** The address itself, or another port of it, or another host: by the two lowest bits. */
function other(target: Address, i: number, way: number): Address {
  switch (way & 3) {
    case 0:
      return address(target.ip, (target.port + i) & 0xffff)
    case 1:
      return target
    default: {
      const ip = Uint8Array.from(target.ip)
      ip[ip.length - 1]! += i
      return address(ip, way & 1 ? (target.port + i) & 0xffff : target.port)
    }
  }
}

function octetsOf(batch: Batch): number {
  let octets = 0
  for (let i = 0; i < batch.count; i++) octets += batch.length[i]!
  return octets
}

/** What a datagram is, by its first two octets and the family that it came by. */
function kindOf(batch: Batch): string {
  const start = batch.start[0]!
  const family = batch.remote[0]
  if (batch.length[0]! < 2) return `short ${family}`
  const type = batch.bytes.readUInt16BE(start)
  if (type >= 0x4000) return type < 0x8000 ? `channel ${family}` : `other ${family}`
  return type < 0x20 ? `STUN ${type.toString(16)} ${family}` : `STUN ${family}`
}

/** As programs change, and now and then one step is done more or less often. */
function mutate(input: Buffer, from: Buffer, roll: Dice): Buffer {
  const changed = mutateProgram(input, from, roll)
  if (roll() < 0.5) return changed
  const { world, steps } = readProgram(changed)
  const at = upTo(roll, steps.length || 1)
  const one = steps[at]
  if (!one) return changed
  steps[at] = often(upTo(roll, MOST_DOUBLINGS + 1), one)
  return writeProgram(world, steps)
}

function seeds(): Buffer[] {
  const allocate = (client: number, bits = 0) => step('allocate', client, bits, 3)
  const stories: Step[][] = [
    [
      allocate(0),
      often(8, step('bind', 0, 0, 0, 0)),
      often(5, step('permit', 0, 0, 1)),
      step('refresh', 0, 1, 0),
    ],
    [
      allocate(2, 8),
      often(8, step('bind', 2, 0, 5, 0)),
      often(5, step('permit', 2, 5, 1)),
      step('bind', 2, 0, 5),
    ],
    [
      allocate(0),
      often(8, step('permit', 0, 0, 2)),
      often(8, step('permit', 0, 0, 2)),
      step('advance', 3, 1),
    ],
    [
      allocate(0),
      step('permit', 0, 0, 1),
      often(8, step('peer', 0, 0, 0)),
      often(4, step('indication', 0, 0, 0)),
    ],
    [often(6, allocate(0)), step('policy', 0, 1), step('advance', 3, 2), step('drain', 0, 1)],
  ]
  return stories.flatMap(story => [0, 1].map(world => writeProgram(world, story)))
}
