import t from 'tap'
import { type Address, parseAddress } from '../../../src/base/address.ts'
import type { SocketId } from '../../../src/base/ids.ts'
import { succeeded } from '../../../src/base/result.ts'
import { everybody } from '../../../src/core/snapshot/record.ts'
import type { RelayPorts } from '../../../src/net/ports/relay-ports.ts'
import type { Bind, UdpTransport } from '../../../src/net/transport.ts'
import { CopyOfShard } from '../../../src/relay/hand-over/shard-copy.ts'
import { TakenSockets } from '../../../src/relay/hand-over/taken-sockets.ts'
import { Sim } from '../../sim/sim.ts'

const at = (port: number) => parseAddress(`127.0.0.1:${port}`)!
const ids = (...numbers: number[]) => numbers as SocketId[]

/** UDP sockets without a kernel: the descriptor of one is its port. */
class Udp implements Pick<UdpTransport, 'bind' | 'boundTo' | 'close' | 'duplicate'> {
  readonly bound = new Map<SocketId, Address>()
  fault: string | undefined

  async bind({ address, socket }: Bind) {
    if (this.fault !== undefined) return { ok: false as const, error: new Error(this.fault) }
    this.bound.set(socket!, address)
    return succeeded({ socket: socket!, local: address })
  }

  boundTo(socket: SocketId): Address | undefined {
    return this.bound.get(socket)
  }

  close(socket: SocketId): void {
    this.bound.delete(socket)
  }

  duplicate(socket: SocketId): number | undefined {
    return this.bound.get(socket)?.port
  }
}

function taking() {
  const udp = new Udp()
  const closed: SocketId[] = []
  const ports = {
    takeOver: () => {},
    closed: (socket: SocketId) => void closed.push(socket),
    localOf: (local: Address) => local,
  }
  const taken = new TakenSockets(udp as unknown as UdpTransport, ports as unknown as RelayPorts)
  return { udp, closed, taken }
}

const copy = (isWhole: boolean, ports: readonly number[] = [], closed: readonly SocketId[] = []) => ({
  isWhole,
  sockets: ports.map(port => ({ id: port as SocketId, local: at(port), fd: port })),
  closed,
  changed: 0,
})
const relay = (port: number) => ({
  id: port as SocketId,
  purpose: 'relay' as const,
  local: at(port),
  fd: port,
})

t.test('a copy has each relay socket once, and says which have been closed', async t => {
  const { shard } = new Sim()
  const udp = new Udp()
  let open = ids(1, 2)
  const bind = (id: number, port: number) => udp.bound.set(id as SocketId, at(port))
  bind(1, 50_001)
  bind(2, 50_002)
  const sent = new CopyOfShard()
  const next = () => sent.next(shard, udp as unknown as UdpTransport, everybody, () => open)
  const idsOf = (sockets: readonly { readonly id: SocketId }[]) => sockets.map(({ id }) => id)

  const first = await next()
  t.match([first.isWhole, idsOf(first.sockets), first.closed], [true, [1, 2], []])
  const second = await next()
  t.match([second.isWhole, second.sockets, second.closed, second.changed], [false, [], [], 0])

  // The id of one that was closed may be another's by now.
  bind(1, 50_009)
  bind(3, 50_003)
  udp.close(2 as SocketId)
  open = ids(1, 3)
  const third = await next()
  t.match([idsOf(third.sockets), third.closed, third.changed], [[1, 3], [1, 2], 4])
  t.equal(sent.has(2 as SocketId), false)
  t.same([...sent.sockets], [1, 3])
  udp.close(3 as SocketId)
  t.same(sent.close(udp as unknown as UdpTransport, ids(1)), [3])
})

t.test('a socket of which there can be no other descriptor is left for the pause', async t => {
  const { shard } = new Sim()
  const udp = new Udp()
  udp.duplicate = () => undefined
  udp.bound.set(1 as SocketId, at(50_001))
  const sent = new CopyOfShard()
  const { sockets } = await sent.next(shard, udp as unknown as UdpTransport, everybody, () => ids(1))
  t.same(sockets, [])
  t.equal(sent.has(1 as SocketId), false)
})

t.test(
  'sockets that went ahead are there when the others come, and those that were closed are not',
  async t => {
    const { udp, closed, taken } = taking()
    t.match(await taken.receive(copy(true, [50_001, 50_002])), { ok: true })
    t.match(await taken.receive(copy(false, [50_003], ids(50_001))), { ok: true })
    t.match(await taken.take({ closed: ids(50_002), udp: [relay(50_004)] }), { ok: true })

    t.same([...udp.bound.keys()], [50_003, 50_004])
    t.same(closed, [50_001, 50_002])
    t.equal(taken.local(50_003 as SocketId)?.port, 50_003)
    t.equal(taken.local(50_002 as SocketId), undefined)
  },
)

t.test('a shard that has begun anew in the middle of a hand-over is not taken over', async t => {
  const again = taking().taken
  await again.receive(copy(true))
  t.match(await again.receive(copy(true)), { ok: false, error: /begun anew/ })

  const late = taking().taken
  t.match(await late.receive(copy(false)), { ok: false, error: /begun anew/ })

  const without = taking().taken
  await without.receive(copy(true))
  t.match(await without.take({ udp: [] }), { ok: false, error: /begun anew/ })

  t.match(await taking().taken.take({ closed: [], udp: [] }), { ok: false, error: /begun anew/ })
})

t.test('a socket that cannot be taken over is named with what the system says', async t => {
  const { udp, taken } = taking()
  udp.fault = 'too many open files'
  t.match(await taken.receive(copy(true, [50_001])), { ok: false, error: /too many open files/ })
  t.match(await taking().taken.take({ udp: [relay(50_001)] }), { ok: true })
  const given = taking()
  given.udp.fault = 'too many open files'
  t.match(await given.taken.take({ udp: [relay(50_001)] }), { ok: false, error: /too many open files/ })
})
