import dgram from 'node:dgram'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import {
  address,
  type Family,
  formatAddress,
  formatIp,
  parseAddress,
  parseIp,
} from '../../../src/base/address.ts'
import { Counters } from '../../../src/base/counters.ts'
import type { AllocationId, SocketId } from '../../../src/base/ids.ts'
import type { PortSpan } from '../../../src/base/range.ts'
import { failed, succeeded } from '../../../src/base/result.ts'
import type { Claim } from '../../../src/core/command.ts'
import type { Opened, Refused } from '../../../src/core/input.ts'
import type { RelaySocket } from '../../../src/core/relay-socket.ts'
import type { ResolvedRelayAddress } from '../../../src/net/ports/relay-addresses.ts'
import { RelayPorts } from '../../../src/net/ports/relay-ports.ts'
import { SocketIds } from '../../../src/net/socket-ids.ts'
import { AllSockets } from '../../../src/net/sockets.ts'
import type { UdpTransport } from '../../../src/net/transport.ts'
import { DgramTransport } from '../../../src/net/udp/dgram.ts'
import { KeptSockets } from '../../../src/net/udp/kept-sockets.ts'
import { duplicate } from '../../../src/net/udp/native-group.ts'
import { bind, needAddon, openNativeTransport } from '../native/probe.ts'
import { Recorder } from './recorder.ts'

t.test('a relay socket is bound within the range and can be reached there [TURN-ALLOC-21]', async t => {
  const { ports, inbox } = open(t, { from: 49_152, to: 65_535 })

  const { relays } = (await ports.open()) as Opened
  const relay = relays[0]!
  const client = dgram.createSocket('udp4')
  t.teardown(() => client.close())
  client.send('hello', relay.address.port, '127.0.0.1')
  await inbox.some(1)

  t.equal(relays.length, 1)
  t.ok(relay.address.port >= 49_152 && relay.address.port <= 65_535)
  t.equal(inbox.all[0]!.socket, relay.socket)
})

t.test('what clients were told of a relay address leads to the local one, and only if it is ours', t => {
  const udp = new DgramTransport(new SocketIds(), new Recorder(), new Counters())
  t.teardown(() => udp.stop())
  const ports = new RelayPorts(udp, [relayOn('127.0.0.1', '203.0.113.7')], { from: 1024, to: 65_535 })
  const local = (at: string) => {
    const found = ports.localOf(parseAddress(at)!)
    return found && formatAddress(found)
  }

  t.equal(local('203.0.113.7:50000'), '127.0.0.1:50000')
  t.equal(local('203.0.113.8:50000'), undefined)
  t.equal(local('127.0.0.1:50000'), undefined)
  t.end()
})

t.test(
  'a relay socket of the shard before is taken over with its id, unless its address is no longer ours',
  needAddon(),
  async t => {
    const from = openNativeTransport(t, { kept: KeptSockets.memory() })
    const memory = KeptSockets.memory()
    const kept = new KeptSockets(memory)
    const before = openNativeTransport(t, { kept: memory })
    const bound = await bind(before.udp, '127.0.0.1:0', 'relay')
    const { port } = bound.local
    const relay = relayOn('127.0.0.1')
    const fd = duplicate(kept.descriptor(bound.socket)!)
    const own = { family: 4 as const, socket: 300 as SocketId, address: address(relay.public, port) }
    const ports = new RelayPorts(from.udp, [relay], { from: 1024, to: 65_535 })

    t.notOk(await ports.resume({ ...own, address: address(parseIp('192.0.2.1')!, port) }, duplicate(fd)))
    t.equal(ports.inUse, 0)
    t.notOk(await ports.resume(own, 99_999), 'there is no such descriptor')
    t.ok(await ports.resume(own, fd))
    t.same([...ports.bound], [bound.local.key])
    t.equal(from.ids.via(own.socket), 'relay')
    ports.closed(own.socket)
    t.equal(ports.inUse, 0)
  },
)

for (const [from, to] of [
  [0, 65_535],
  [1023, 2000],
  [50_000, 49_999],
  [50_000, 65_536],
] as const) {
  t.test(`the range ${from}–${to} is refused at start [TURN-ALLOC-21]`, async t => {
    t.throws(() => open(t, { from, to }), RangeError)
  })
}

t.test('a thousand ports show no order and no favourites [TURN-ALLOC-22, SEC-07]', async t => {
  const { ports } = open(t, { from: 20_000, to: 59_999 }, [relayOn('127.0.0.1')], pretending())
  const seen: number[] = []
  for (let i = 0; i < 1000; i++) seen.push(((await ports.open()) as Opened).relays[0]!.address.port)

  const rising = seen.filter((port, i) => i > 0 && port > seen[i - 1]!).length
  const neighbours = seen.filter((port, i) => i > 0 && Math.abs(port - seen[i - 1]!) <= 2).length
  const lower = seen.filter(port => port < 40_000).length

  // Each is far outside what chance would do once in a million runs.
  t.ok(rising > 400 && rising < 600, `${rising} of 999 steps go up`)
  t.ok(neighbours < 10, `${neighbours} of 999 steps are to a neighbour`)
  t.ok(lower > 400 && lower < 600, `${lower} of 1000 in the lower half`)
  t.equal(new Set(seen).size, 1000)
})

t.test(
  'every port of the range is found, then the answer is 508, and nothing leaks [TURN-ALLOC-25]',
  async t => {
    const { ports, ids } = open(t, { from: 42_000, to: 42_063 }, [relayOn('127.0.0.1')], pretending())
    const opened: RelaySocket[] = []
    for (let i = 0; i < 64; i++) opened.push(((await ports.open()) as Opened).relays[0]!)

    const refused = (await ports.open()) as Refused

    t.equal(new Set(opened.map(relay => relay.address.port)).size, 64)
    t.equal(refused.code, 508)
    t.match(refused.why, /all relay ports of 127\.0\.0\.1 are in use/)
    t.equal(ports.inUse, 64)
    t.equal(ids.open, 64)

    ports.close(opened[17]!.socket)
    const again = (await ports.open()) as Opened
    t.equal(again.relays[0]!.address.port, opened[17]!.address.port)
  },
)

t.test(
  'ports of other programs are stepped over, and are no reason to wait for ever [TURN-ALLOC-25]',
  async t => {
    const from = await freeRun(4)
    const others: dgram.Socket[] = []
    for (const port of [from, from + 1, from + 3]) others.push(await occupy(t, port))
    const { ports } = open(t, { from, to: from + 3 })

    const first = (await ports.open()) as Opened
    const second = (await ports.open()) as Refused

    t.equal(first.relays[0]!.address.port, from + 2)
    t.equal(second.code, 508)
    t.equal(ports.inUse, 1)
  },
)

t.test(
  'a range that others fill is searched to its end without holding up traffic [TURN-ALLOC-25]',
  async t => {
    let binds = 0
    let turns = 0
    const udp: UdpTransport = {
      ...pretending(),
      bind: async () => {
        binds++
        return failed(Object.assign(new Error('in use'), { code: 'EADDRINUSE' }))
      },
    }
    const { ports } = open(t, { from: 40_000, to: 41_999 }, [relayOn('127.0.0.1')], udp)
    const count = () => {
      turns++
      ticking = setImmediate(count)
    }
    let ticking = setImmediate(count)

    const refused = (await ports.open()) as Refused
    clearImmediate(ticking)

    t.equal(refused.code, 508)
    t.ok(binds >= 2000 && binds <= 2016, `${binds} binds`)
    t.ok(turns > 20, `${turns} turns of the event loop meanwhile`)
  },
)

t.test('an even port leaves its odd sibling to others [TURN-RES-01]', async t => {
  const from = await freeRun(2, true)
  const { ports } = open(t, { from, to: from + 1 })

  const even = (await ports.open({ port: 'even' })) as Opened
  const none = (await ports.open({ port: 'even' })) as Refused
  const odd = (await ports.open()) as Opened

  t.equal(even.relays[0]!.address.port, from)
  t.equal(even.reserved, undefined)
  t.equal(none.code, 508)
  t.equal(odd.relays[0]!.address.port, from + 1)
})

t.test('a pair is an even port and the next one, on the same address [TURN-RES-02]', async t => {
  const { ports } = open(t, { from: 49_153, to: 65_535 }, [relayOn('127.0.0.1'), relayOn('127.0.0.2')])
  for (let i = 0; i < 20; i++) {
    const { relays, reserved } = (await ports.open({ port: 'pair' })) as Opened

    t.equal(relays[0]!.address.port % 2, 0)
    t.equal(reserved!.address.port, relays[0]!.address.port + 1)
    t.strictSame(reserved!.address.ip, relays[0]!.address.ip)
  }
  t.equal(ports.inUse, 40)
})

t.test('a pair whose odd half is taken is given up whole, and the next one tried [TURN-RES-02]', async t => {
  const from = await freeRun(4, true)
  await occupy(t, from + 1)
  const { ports, ids } = open(t, { from, to: from + 3 })

  const { relays, reserved } = (await ports.open({ port: 'pair' })) as Opened
  const refused = (await ports.open({ port: 'pair' })) as Refused

  t.strictSame([relays[0]!.address.port, reserved!.address.port], [from + 2, from + 3])
  t.equal(refused.code, 508)
  t.equal(ids.open, 2)
  t.equal(ports.inUse, 2)
})

t.test('a range without a pair in it is refused one at once', async t => {
  const { ports } = open(t, { from: 49_153, to: 49_154 })

  t.equal(((await ports.open({ port: 'pair' })) as Refused).code, 508)
  t.equal(ports.inUse, 0)
})

t.test('ten thousand cycles of even ports leave every port free [TURN-RES-06]', async t => {
  const { ports, ids } = open(t, { from: 50_000, to: 50_099 }, [relayOn('127.0.0.1')], pretending())
  for (let i = 0; i < 10_000; i++) {
    const opened = (await ports.open({ port: i % 2 === 0 ? 'even' : 'pair' })) as Opened
    // Every other reserved port is used first, as a claim of its own.
    if (opened.reserved && i % 4 === 1) await ports.open({ reserved: opened.reserved })
    if (opened.reserved) ports.close(opened.reserved.socket)
    ports.close(opened.relays[0]!.socket)
  }

  t.equal(ports.inUse, 0)
  t.equal(ids.open, 0)
  for (let i = 0; i < 50; i++) t.ok('relays' in (await ports.open({ port: 'pair' })))
  t.equal(ports.inUse, ports.capacity)
})

t.test('a reserved socket is used as it is', async t => {
  const { ports } = open(t, { from: 49_152, to: 65_535 })
  const { reserved } = (await ports.open({ port: 'pair' })) as Opened

  const used = (await ports.open({ reserved: reserved! })) as Opened

  t.strictSame(used.relays, [reserved])
  t.equal(ports.inUse, 2)
})

t.test('the public address is reported where a router maps it [TURN-ALLOC-26]', async t => {
  const { ports } = open(t, { from: 49_152, to: 65_535 }, [relayOn('127.0.0.1', '203.0.113.7')])

  const { relays } = (await ports.open()) as Opened

  t.match(formatAddress(relays[0]!.address), /^203\.0\.113\.7:\d+$/)
})

t.test('several addresses share the load, and one that is full is stepped over', async t => {
  const relays = [relayOn('127.0.0.1'), relayOn('127.0.0.2')]
  const { ports } = open(t, { from: 42_000, to: 42_031 }, relays, pretending())
  const used = new Map<string, number>()
  for (let i = 0; i < 64; i++) {
    const opened = (await ports.open()) as Opened
    const ip = formatIp(opened.relays[0]!.address.ip)
    used.set(ip, (used.get(ip) ?? 0) + 1)
    if (i === 31) t.equal(used.size, 2, 'both are in use when half is')
  }

  t.strictSame([...used.values()], [32, 32])
  t.equal(((await ports.open()) as Refused).code, 508)
})

t.test('an address that the machine has lost is stepped over too', async t => {
  const { ports } = open(t, { from: 49_152, to: 65_535 }, [relayOn('192.0.2.77'), relayOn('127.0.0.1')])
  for (let i = 0; i < 10; i++) t.ok('relays' in (await ports.open()))

  const alone = open(t, { from: 49_152, to: 65_535 }, [relayOn('192.0.2.77')])
  const refused = (await alone.ports.open()) as Refused
  t.match(refused.why, /does not have the relay address 192\.0\.2\.77/)
  t.equal(alone.ports.inUse, 0)
})

t.test('both families come in one answer, IPv4 first [TURN-ALLOC-15]', async t => {
  const relays = [relayOn('::1'), relayOn('127.0.0.1')]
  const { ports } = open(t, { from: 42_000, to: 42_031 }, relays, pretending())

  const opened = (await ports.open({ families: [6, 4] })) as Opened

  t.strictSame(
    opened.relays.map(relay => relay.family),
    [4, 6],
  )
  t.equal(opened.failed, undefined)
})

for (const [why, families, expected] of [
  ['no address', [4], { family: 6, code: 440 }],
  ['no port', [4, 6], { family: 6, code: 508 }],
] as const) {
  t.test(`of two families one that has ${why} is named with ${expected.code} [TURN-ALLOC-16]`, async t => {
    const relays = families.map(family => relayOn(family === 4 ? '127.0.0.1' : '::1'))
    const { ports } = open(t, { from: 42_000, to: 42_000 }, relays, pretending())
    if (why === 'no port') await ports.open({ families: [6] })

    const opened = (await ports.open({ families: [4, 6] })) as Opened

    t.equal(opened.relays.length, 1)
    t.strictSame(opened.failed, expected)
    t.equal(ports.inUse, families.length)
  })
}

t.test('when neither family can be had the answer is 508 and nothing is held [TURN-ALLOC-16]', async t => {
  const { ports, ids } = open(t, { from: 42_000, to: 42_000 }, [], pretending())

  t.equal(((await ports.open({ families: [4, 6] })) as Refused).code, 508)
  t.equal(ids.open, 0)
})

t.test('two searches at once do not get the same port', async t => {
  const late = pretending('late')
  const { ports } = open(t, { from: 42_000, to: 42_001 }, [relayOn('127.0.0.1')], late)

  const answers = await Promise.all([ports.open(), ports.open(), ports.open()])

  const got = answers.flatMap(answer => ('relays' in answer ? [answer.relays[0]!.address.port] : []))
  t.strictSame(got.sort(), [42_000, 42_001])
})

t.test('a shared port is bound once, however many ask at a time, and each family has its own', async t => {
  const udp = pretending('late')
  const relays = [relayOn('127.0.0.1', '203.0.113.7'), relayOn('::1')]
  const { ports } = open(t, { from: 3479, to: 3479, shared: [3479] }, relays, udp)
  const opened = (await Promise.all([
    ports.open(),
    ports.open(),
    ports.open({ families: [4, 6] }),
  ])) as Opened[]
  const ours = opened.flatMap(one => one.relays)
  t.same(
    ours.map(({ address }) => formatAddress(address)),
    ['203.0.113.7:3479', '203.0.113.7:3479', '203.0.113.7:3479', '[::1]:3479'],
  )
  t.equal(new Set(ours.map(({ socket }) => socket)).size, 2)
  t.equal(ports.inUse, 2)
})

t.test('of a few shared ports the free ones are taken, and without any the claim is refused', async t => {
  const udp = pretending()
  await udp.bind({ address: parseAddress('127.0.0.1:3480')!, purpose: 'relay' })
  const { ports } = open(t, { from: 3479, to: 3480, shared: [3479, 3480] }, [relayOn('127.0.0.1')], udp)
  for (let i = 0; i < 20; i++) {
    const { relays } = (await ports.open()) as Opened
    t.equal(relays[0]!.address.port, 3479)
  }
  const other = open(t, { from: 3480, to: 3480, shared: [3480] }, [relayOn('127.0.0.1')], udp)
  t.match(await other.ports.open(), { code: 508, cause: 'ports', why: /127\.0\.0\.1:3480/ })
})

for (const port of ['even', 'pair'] as const) {
  t.test(`no port can be chosen among shared ones: ${port} is refused`, async t => {
    const { ports } = open(t, { from: 3480, to: 3480, shared: [3480] }, [relayOn('127.0.0.1')], pretending())
    t.match(await ports.open({ port }), { code: 508, cause: 'shared-port' })
    t.equal(ports.inUse, 0)
  })
}

t.test(
  'shared sockets of another process are taken over, and closed where their address is lost',
  async t => {
    const udp = pretending()
    const relay = relayOn('127.0.0.1')
    const ports = new RelayPorts(udp, [relay], { from: 3479, to: 3479, shared: [3479] })
    const bound = await udp.bind({ address: parseAddress('127.0.0.1:3479')!, purpose: 'relay' })
    if (!bound.ok) throw bound.error
    ports.takeOver(bound.value)
    t.same(ports.shared, [bound.value.socket])
    const claim = {
      allocation: 1 as AllocationId,
      owner: { tenant: '', user: 'alice' },
      client: parseAddress('192.0.2.1:1')!,
    }
    const opened = await ports.open({ ...claim, families: [4], port: 'any' })
    t.match(opened, { value: { relays: [{ socket: bound.value.socket }] } })
    const lost = ports.setAddresses([relayOn('127.0.0.2')])
    t.same([...lost], [bound.value.socket])
    ports.closeShared(lost)
    t.equal(ports.inUse, 0)
  },
)

interface TestPorts {
  readonly capacity: number
  readonly inUse: number
  open(
    claim?: Partial<Omit<Claim, 'reserved'>> & { readonly reserved?: RelaySocket },
  ): Promise<Opened | Refused>
  close(socket: SocketId): void
}

const ids = Symbol('ids')

function open(
  t: Test,
  range: PortSpan,
  addresses = [relayOn('127.0.0.1')],
  pretend?: UdpTransport & { [ids]?: SocketIds },
): { ports: TestPorts; ids: SocketIds; inbox: Recorder } {
  const own = pretend?.[ids] ?? new SocketIds()
  const inbox = new Recorder()
  const udp = pretend ?? new DgramTransport(own, inbox, new Counters())
  t.teardown(() => udp.stop())
  const ports = new RelayPorts(udp, addresses, range)
  const sockets = new AllSockets(own, [udp], socket => ports.closed(socket))
  const owner = { tenant: 'test', user: '@alice:example.org' }
  const client = parseAddress('192.0.2.1:1234')!
  return {
    inbox,
    ids: own,
    ports: {
      get capacity() {
        return ports.capacity
      },
      get inUse() {
        return ports.inUse
      },
      close: socket => sockets.close(socket),
      open: async ({ reserved, ...claim } = {}) => {
        const result = await ports.open({
          allocation: 1 as AllocationId,
          owner,
          client,
          families: [4],
          port: 'any',
          ...claim,
          ...(reserved && { reserved: { relay: reserved, owner, client } }),
        })
        return result.ok ? result.value : result.error
      },
    },
  }
}

/** A transport without sockets: every port can be bound once. */
function pretending(when: 'now' | 'late' = 'now'): UdpTransport & { [ids]: SocketIds } {
  const own = new SocketIds()
  const bound = new Map<string, SocketId>()
  const udp: UdpTransport & { [ids]: SocketIds } = {
    [ids]: own,
    dontFragment: false,
    look: () => {},
    pause: () => false,
    give: () => -1,
    duplicate: () => undefined,
    boundTo: () => undefined,
    bind: async ({ address }) => {
      if (when === 'late') await new Promise(resolve => setImmediate(resolve))
      const key = formatAddress(address)
      if (bound.has(key)) return failed(Object.assign(new Error('in use'), { code: 'EADDRINUSE' }))
      const socket = own.take(udp, 'relay')
      bound.set(key, socket)
      return succeeded({ socket, local: address })
    },
    close: socket => {
      for (const [key, other] of bound) if (other === socket) bound.delete(key)
      own.release(socket)
    },
    owns: socket => own.transport(socket) !== undefined,
    send: () => {},
    sendOne: () => {},
    stop: () => {},
  }
  return udp
}

function relayOn(local: string, mapped = local): ResolvedRelayAddress {
  const ip = parseIp(local)!
  return { family: ip.length === 4 ? 4 : (6 as Family), local: ip, public: parseIp(mapped)! }
}

/** The first of `count` neighbouring ports that are free now; even if so wished. */
async function freeRun(count: number, even = false): Promise<number> {
  for (let from = 21_000 + 2 * (process.pid % 1000); from < 32_000; from += 2 + count) {
    const first = even ? from : from + 1
    const free = await Promise.all(Array.from({ length: count }, (_, i) => isFree(first + i)))
    if (free.every(Boolean)) return first
  }
  throw new Error('no free ports')
}

async function isFree(port: number): Promise<boolean> {
  const socket = dgram.createSocket('udp4')
  try {
    socket.bind({ port, address: '127.0.0.1', exclusive: true })
    await once(socket, 'listening')
    return true
  } catch {
    return false
  } finally {
    socket.close()
  }
}

async function occupy(t: Test, port: number): Promise<dgram.Socket> {
  const socket = dgram.createSocket('udp4')
  socket.bind({ port, address: '127.0.0.1', exclusive: true })
  await once(socket, 'listening')
  t.teardown(() => socket.close())
  return socket
}
