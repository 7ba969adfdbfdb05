import fc from 'fast-check'
import t from 'tap'
import { OnePortWorld, worldAction } from '../../sim/one-port-world.ts'
import { Twin, whole } from '../../sim/twin.ts'

t.setTimeout(Number(process.env.FC_RUNS ?? 60) * 2000)

t.test('no client gets what is for another on the one port, and calls come through whatever others do', t => {
  fc.assert(
    fc.property(fc.array(worldAction, { maxLength: 120, size: 'max' }), fc.boolean(), (actions, isDouble) => {
      const world = new OnePortWorld(isDouble)
      for (const one of actions) world.do(one)
      const { relay, config, now } = world.sim
      const snapshot = whole(relay.snapshot(now))
      if (!whole(new Twin(config, snapshot, now).relay.snapshot(now)).equals(snapshot))
        throw new Error('it restores to another state')
      world.settleDown()
      const wrong = world.wrong()
      if (wrong.length > 0) throw new Error(`at the wrong one: ${wrong.join(', ')}`)
      const silent = world.silent()
      if (silent.length > 0) throw new Error(`no call: ${silent.join(', ')}`)
    }),
    { numRuns: Number(process.env.FC_RUNS ?? 60) },
  )
  t.end()
})
