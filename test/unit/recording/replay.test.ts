import fc from 'fast-check'
import t from 'tap'
import { formatIp, parseAddress } from '../../../src/base/address.ts'
import type { Command } from '../../../src/core/command.ts'
import type { Witness } from '../../../src/core/decisions.ts'
import { Player } from '../../../src/recording/player.ts'
import { Recorder } from '../../../src/recording/recorder.ts'
import type { RecordingEntry, Step } from '../../../src/recording/step.ts'
import { actions, Stage } from '../../sim/actions.ts'
import { Sim, type SimOptions } from '../../sim/sim.ts'
import { TwoShards } from '../../sim/two-shards.ts'

const SEED = Number(process.env.MODEL_SEED ?? 20_261_130)

/** A recording in memory, and what the relay commanded at each step. */
class Tape {
  readonly entries: RecordingEntry[] = []
  readonly commands: string[] = []
  readonly witness: Witness

  constructor() {
    const recorder = new Recorder({ version: 'test', worker: 0 }, entry => this.entries.push(entry) > 0)
    this.witness = {
      began: (own, config, lastId) => recorder.began(own, config, lastId),
      handled: (input, now, commands) => {
        this.commands.push(text(commands))
        recorder.handled(input, now, commands)
      },
    }
  }

  get steps(): Step[] {
    return this.entries.filter(entry => entry.kind === 'step')
  }

  /** Plays it to a fresh relay; throws at the first step that commands something else. */
  replay(): Player {
    const [beginning] = this.entries
    if (beginning?.kind !== 'beginning') throw new Error('it does not begin')
    const player = new Player(beginning)
    for (const [i, step] of this.steps.entries()) {
      const { commands, differs } = player.play(step)
      const [was, is] = [this.commands[i]!, text(commands)]
      if (was !== is) throw new Error(`step ${i}, ${step.input.kind}:\nthen: ${was}\nnow:  ${is}`)
      if (differs) throw new Error(`step ${i}: the outline differs`)
    }
    return player
  }
}

for (const [name, options, work = 0] of [
  ['a table', { forwarder: 'table' }],
  ['the core alone', { forwarder: 'none' }],
  ['requests that wait for their turn', {}, 2],
  [
    'limits',
    {
      limits: { bytesPerSecondPerUser: 2000, peersPerUserPerMinute: 3, unverifiedAnswers: 5, backOff: true },
    },
  ],
] as const satisfies readonly (readonly [string, SimOptions, milliseconds?: number])[]) {
  t.test(`C-01: a recorded run replays octet for octet, and to the same state (${name})`, t => {
    let steps = 0
    for (const list of fc.sample(actions(4), { numRuns: 60, seed: SEED })) {
      const tape = new Tape()
      const stage: Stage = new Stage({
        ...options,
        witness: {
          began: (...args) => tape.witness.began(...args),
          handled: (...args) => {
            tape.witness.handled(...args)
            stage.sim.world.worked += work
          },
        },
      })
      for (const action of list) stage.do(action)
      const player = tape.replay()
      steps += tape.steps.length
      if (JSON.stringify(player.relay.sizes()) !== JSON.stringify(stage.sim.relay.sizes()))
        t.fail('the state differs')
    }
    t.ok(steps > 10_000, `${steps} steps`)
    t.end()
  })
}

t.test('C-01: what another shard held is in the recording, so one shard replays without the other', t => {
  const tapes = [new Tape(), new Tape()] as const
  const two = new TwoShards({}, [tapes[0].witness, tapes[1].witness])
  const alice = two.shards[0].client('192.0.2.10:50000')
  const bob = two.shards[1].client('192.0.2.11:50000')
  alice.allocate()
  bob.allocate()
  alice.bind(0x4001, bob.relayed)
  bob.permit(alice.relayed)
  alice.send(0x4001, 'hello')
  two.advance(1000)
  bob.release()
  two.advance(2000)

  t.same(bob.inbox, ['hello'])
  for (const tape of tapes) {
    t.ok(tape.steps.some(({ asked }) => asked.some(([question]) => question === 'wire')))
    tape.replay()
  }
  t.end()
})

t.test(
  'S-03: what was known of programs on this machine is in the recording, so it replays on another',
  t => {
    const media = parseAddress('203.0.113.77:10000')!
    const bound = parseAddress('10.9.9.9:10000')!
    const closed = parseAddress('203.0.113.77:22')!
    const tape = new Tape()
    const sim = new Sim({
      witness: tape.witness,
      reach: peer => (peer.key === closed.key ? 'no' : 'yes'),
      environment: {
        host: {
          wire: peer => (peer.key === media.key ? bound : undefined),
          peer: from => (from.key === bound.key ? media : undefined),
          isRelayed: ip => formatIp(ip) === '203.0.113.77',
          keyFor: peer => (peer.key === closed.key ? 'sameHost' : undefined),
        },
      },
    })
    const server = sim.peer('10.9.9.9:10000')
    const alice = sim.client('192.0.2.10:50000')
    alice.allocate()
    alice.permit(media)
    alice.send(media, 'hello')
    server.send(alice.relayed, 'welcome')
    alice.bind(0x4001, media)
    alice.send(0x4001, 'and again')
    alice.bind(0x4002, closed)
    sim.advance(1000)

    t.same(server.inbox, ['hello', 'and again'], 'the media server is reached by the address it is bound to')
    t.same(alice.inbox, ['welcome'])
    const asked = new Set(tape.steps.flatMap(step => step.asked.map(([question]) => question)))
    for (const question of ['host wire', 'host peer', 'host relays', 'host key'])
      t.ok(asked.has(question), question)
    tape.replay()
    t.end()
  },
)

function text(commands: readonly Command[]): string {
  return JSON.stringify(commands, (_key, value) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
  )
}
