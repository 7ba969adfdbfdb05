import t from 'tap'
import { REQUESTED_TRANSPORT } from '../../../src/wire/attributes.ts'
import { type MessageWriter, Method } from '../../../src/wire/message.ts'
import { minutes, Sim, type SimOptions } from '../../sim/sim.ts'

const peers = (sim: Sim, count: number) =>
  Array.from({ length: count }, (_, i) => sim.peer(`198.51.100.${i + 1}:40000`))

function twoOfAlice(limits: NonNullable<SimOptions['limits']>) {
  const sim = new Sim({ limits })
  const phone = sim.client('203.0.113.1:1000')
  const laptop = sim.client('203.0.113.2:1000')
  const bob = sim.client('203.0.113.3:1000', { user: '@bob:example.org' })
  for (const client of [phone, laptop, bob]) client.allocate()
  return { sim, phone, laptop, bob, at: peers(sim, 8) }
}

t.test('S-02: permissions of one user are counted over all their allocations [TURN-PERM-12]', async t => {
  const { phone, laptop, bob, at } = twoOfAlice({ permissionsPerUser: 3 })
  phone.permit(at[0]!, at[1]!)
  laptop.permit(at[0]!)
  laptop.permit(at[1]!)
  bob.permit(at[0]!, at[1]!, at[2]!)
  phone.permit(at[0]!, at[1]!)

  t.same(laptop.errors, [508])
  t.same([...bob.errors, ...phone.errors], [], 'others have their own, and renewing needs no room')
  phone.release()
  laptop.permit(at[1]!, at[2]!)
  t.same(laptop.errors, [508], 'what has ended is free')
})

t.test('S-02: channels of one user are counted over all their allocations [TURN-CHAN-13]', async t => {
  const { sim, phone, laptop, bob, at } = twoOfAlice({ channelsPerUser: 2 })
  phone.bind(0x4000, at[0]!)
  laptop.bind(0x4000, at[0]!)
  laptop.bind(0x4001, at[1]!)
  bob.bind(0x4000, at[0]!)
  phone.bind(0x4000, at[0]!)

  t.same(laptop.errors, [508])
  t.same([...bob.errors, ...phone.errors], [])
  t.match(sim.told('rejected').at(-1), {
    why: 'capacity',
    cause: 'user-share',
    detail: 'limits.channelsPerUser',
  })
  sim.advance(minutes(5))
  phone.refresh()
  laptop.refresh()
  sim.advance(minutes(5) + 2000)
  laptop.bind(0x4002, at[2]!)
  t.same(laptop.errors, [508], 'what has lapsed is free')
})

t.test('S-02: permissions and channels of all together have a limit', async t => {
  const { sim, phone, bob, at } = twoOfAlice({ permissions: 4, channels: 2 })
  phone.bind(0x4000, at[0]!)
  bob.bind(0x4000, at[0]!)
  bob.bind(0x4001, at[1]!)
  t.match(sim.told('rejected').at(-1), { code: 508, cause: 'peers-in-all', detail: 'limits.channels' })
  phone.permit(at[1]!, at[2]!)
  bob.permit(at[1]!)

  t.match(sim.told('rejected').at(-1), { code: 508, cause: 'peers-in-all', detail: 'limits.permissions' })
  t.match(sim.relay.sizes(), { permissions: 4, channels: 2, users: 2 })
  phone.release()
  t.match(sim.relay.sizes(), { permissions: 1, channels: 1, users: 2 })
  bob.permit(at[1]!)
  t.same(bob.errors, [508, 508])
})

t.test('S-02: while memory is nearly full nothing new is taken on, and calls go on', async t => {
  const { sim, phone, laptop, at } = twoOfAlice({})
  const carol = sim.client('203.0.113.4:1000', { user: '@carol:example.org' })
  phone.bind(0x4000, at[0]!)
  sim.memory(true)

  const fields = (writer: MessageWriter) => writer.set(REQUESTED_TRANSPORT, 17)
  t.equal(carol.code(Method.Allocate, { fields }), 508)
  t.match(sim.told('rejected').at(-1), { why: 'capacity', cause: 'memory' })
  laptop.permit(at[1]!)
  laptop.bind(0x4000, at[1]!)
  t.same(laptop.errors, [508, 508])
  phone.bind(0x4000, at[0]!)
  phone.refresh()
  t.same(phone.errors, [])
  at[0]!.send(phone.relayed, 'still there')
  t.same(phone.inbox, ['still there'])

  sim.memory(false)
  laptop.permit(at[1]!)
  carol.allocate()
  t.same([laptop.errors, carol.errors.slice(1)], [[508, 508], []])
})

t.test(
  'S-02: routes without a channel are made only within the limit of permissions, and data flows all the same',
  async t => {
    const { sim, phone, at } = twoOfAlice({ permissions: 1 })
    phone.permit(at[0]!)
    const ports = Array.from({ length: 5 }, (_, i) => sim.peer(`198.51.100.1:${5000 + i}`))
    for (const peer of ports) peer.send(phone.relayed, String(peer.address.port))

    t.equal(phone.inbox.length, 5)
    t.equal(sim.relay.sizes().peers, 1)
  },
)
