import t from 'tap'
import { parseAddress } from '../../../src/base/address.ts'
import type { AllocationId, SocketId } from '../../../src/base/ids.ts'
import { failed, succeeded } from '../../../src/base/result.ts'
import type { Time } from '../../../src/base/time.ts'
import type { Claim } from '../../../src/core/command.ts'
import type { Event } from '../../../src/core/event.ts'
import type { Opened, Refused } from '../../../src/core/input.ts'
import type { RelaySocket } from '../../../src/core/relay-socket.ts'
import { Admission } from '../../../src/relay/admission.ts'
import { RealWorld } from '../../../src/relay/world.ts'
import type { Sockets } from '../../../src/shard/world.ts'

const alice = { tenant: 'example.org', user: '@alice:example.org' }
const client = parseAddress('192.0.2.10:50000')!

t.test('a claim is answered with its sockets, and its unit is held until it closes', async t => {
  const { world, admission, opened } = start({ perUser: 1, ports: 8 })

  world.open(claim(1))
  await answers()
  t.equal(opened.length, 1)
  t.equal(admission.total, 1)

  end(world, closed(1, opened[0]!.relays))
  t.equal(admission.total, 0)
})

t.test('a claim over the quota is refused before any socket is opened', async t => {
  const { world, refused, pool } = start({ perUser: 1, ports: 8 })
  world.open(claim(1))
  await answers()

  world.open(claim(2))
  await answers()

  t.match(refused, [{ allocation: 2, code: 486 }])
  t.equal(pool.size, 1)
})

t.test(
  'with a quota of four and two ports, a hundred attempts leak nothing [SEC-61] [TURN-ALLOC-25]',
  async t => {
    const { world, admission, opened, refused } = start({ perUser: 4, ports: 2 })

    for (let id = 1; id <= 100; id++) {
      world.open(claim(id))
      await answers()
    }
    t.equal(opened.length, 2)
    t.ok(refused.every(refusal => refusal.code === 508))
    for (const { allocation, relays } of opened.splice(0)) {
      for (const { socket } of relays) world.sockets.close(socket)
      end(world, closed(allocation, relays))
    }

    t.equal(admission.total, 0)
    world.open(claim(101))
    world.open(claim(102))
    await answers()
    t.equal(opened.length, 2, 'quota and ports are usable again')
  },
)

t.test('a reserved port holds a unit until its socket closes [TURN-RES-08]', async t => {
  const { world, admission, opened } = start({ perUser: 2, ports: 8 })
  world.open({ ...claim(1), port: 'pair' })
  await answers()
  t.equal(admission.total, 2)

  world.sockets.close(opened[0]!.reserved!.socket)
  world.tell({ kind: 'unreserved', at: 0 as Time, owner: alice, client })

  t.equal(admission.total, 1, 'once, however it is told')
})

t.test('a token that is used takes its unit along [TURN-RES-08]', async t => {
  const { world, admission, opened } = start({ perUser: 2, ports: 8 })
  world.open({ ...claim(1), port: 'pair' })
  await answers()
  const relay = opened[0]!.reserved!

  world.open({ ...claim(2), reserved: { relay, owner: alice, client } })
  await answers()
  t.same(opened[1]!.relays, [relay])
  t.equal(admission.total, 2)

  world.sockets.close(relay.socket)
  t.equal(admission.total, 2, 'the socket belongs to the allocation now')
  end(world, closed(2, [relay]))
  t.equal(admission.total, 1)
})

t.test('a token that a quota stands against is used up, and its port is free again', async t => {
  const { world, admission, opened, refused, pool } = start({ perUser: 2, ports: 8 })
  const bob = { tenant: 'example.org', user: '@bob:example.org' }
  world.open({ ...claim(1), owner: bob })
  world.open({ ...claim(2), owner: bob })
  world.open({ ...claim(3), port: 'pair' })
  await answers()
  const relay = opened[2]!.reserved!

  world.open({ ...claim(4), owner: bob, reserved: { relay, owner: alice, client } })
  await answers()

  t.match(refused, [{ allocation: 4, code: 486 }])
  t.notOk(pool.has(relay.socket))
  t.equal(admission.heldByUser(alice), 1)
  t.equal(admission.heldByUser(bob), 2)
})

t.test('a client that left before its sockets were there is not heard of', async t => {
  const { world, admission, heard } = start({ perUser: 2, ports: 8 })
  world.open(claim(1))
  await answers()

  end(world, closed(1, []))

  t.equal(admission.total, 0)
  t.equal(heard.length, 0)
})

t.test('S-14: what is left to do waits for its turn, and for one turn only', async t => {
  const { world, continued } = start({ perUser: 1, ports: 1 })
  world.continue()
  world.continue()
  t.same(continued, [])
  await new Promise(setImmediate)
  t.same(continued, [0])
  world.continue()
  await new Promise(setImmediate)
  t.same(continued, [0, 1])
})

/** Lets what was asked be answered. */
function answers(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

/** Tells the end of an allocation as a shard does. */
function end(world: RealWorld, event: Event & { kind: 'closed' }): void {
  world.ended(event.allocation)
  world.tell(event)
}

function start(limits: { perUser: number; ports: number }) {
  const opened: Opened[] = []
  const refused: Refused[] = []
  const continued: number[] = []
  const heard: Event[] = []
  const pool = new Set<SocketId>()
  const take = (): RelaySocket => {
    let socket = 1
    while (pool.has(socket as SocketId)) socket++
    pool.add(socket as SocketId)
    return { family: 4, socket: socket as SocketId, address: parseAddress(`203.0.113.7:${50_000 + socket}`)! }
  }
  const admission = new Admission({
    perUser: limits.perUser,
    perAddress: 1000,
    total: 1000,
    perTenant: new Map(),
  })
  const world: RealWorld = new RealWorld({
    clock: { now: () => 0 as Time },
    serves: () => true,
    sockets: {
      close: (socket: SocketId) => {
        world.closed(socket)
        pool.delete(socket)
      },
    } as Sockets,
    ports: {
      open: async claim => {
        const { allocation, reserved } = claim
        if (reserved) return succeeded({ allocation, relays: [reserved.relay] })
        if (pool.size >= limits.ports) return failed({ allocation, code: 508, why: 'no port' })
        const relays = [take()]
        return succeeded({ allocation, relays, ...(claim.port === 'pair' && { reserved: take() }) })
      },
    },
    admission,
    refer: () => {},
    host: () => {},
    inbox: {
      opened: answer => opened.push(answer),
      refused: answer => refused.push(answer),
      continue: () => continued.push(continued.length),
    },
    heard: event => heard.push(event),
  })
  return { world, admission, opened, refused, heard, pool, continued }
}

function claim(id: number): Claim {
  return { allocation: id as AllocationId, owner: alice, client, families: [4], port: 'any' }
}

function closed(id: number, relays: readonly RelaySocket[]): Event & { kind: 'closed' } {
  return {
    kind: 'closed',
    at: 0 as Time,
    allocation: id as AllocationId,
    owner: alice,
    client,
    via: 'udp',
    relayed: relays.map(relay => relay.address),
    reason: 'released',
    since: 0 as Time,
    traffic: { toPeer: { packets: 0, bytes: 0 }, toClient: { packets: 0, bytes: 0 } },
    peers: 0,
  }
}
