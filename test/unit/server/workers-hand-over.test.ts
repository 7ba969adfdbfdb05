import { openSync, readdirSync } from 'node:fs'
import t from 'tap'
import { type Address, parseAddress } from '../../../src/base/address.ts'
import type { AllocationId, SocketId } from '../../../src/base/ids.ts'
import type { Time } from '../../../src/base/time.ts'
import { Meters } from '../../../src/limits/meters.ts'
import { PortDirectory } from '../../../src/net/ports/port-directory.ts'
import { Admission } from '../../../src/relay/admission.ts'
import type { GivenShard } from '../../../src/relay/hand-over/given-shard.ts'
import { quotas } from '../../../src/relay/relay-config.ts'
import type { ToWorker } from '../../../src/workers/protocol.ts'
import { ShardBook } from '../../../src/workers/shard-book.ts'
import { WorkersHandOver } from '../../../src/workers/workers-hand-over.ts'
import { loaded } from '../../support/settings.ts'
import { needAddon } from '../native/probe.ts'

const { skip } = needAddon()
const NOW = 1_800_000_000_000 as Time
const owner = { tenant: 'example.org', user: '@alice:example.org' }
const client = parseAddress('192.0.2.10:50000')!
const local = parseAddress('127.0.0.1:50001')!
const relay = { family: 4, local: local.ip, public: local.ip } as const
const door = { shard: 0, socket: 9 as SocketId, via: 'udp' as const }

type Answers = { readonly [step: string]: (...of: never[]) => unknown }

/** A slot whose worker answers steps so; what it has no answer for comes to nothing. */
class Slot {
  alive = true
  readonly asked: string[] = []
  readonly told: ToWorker[] = []
  readonly doors: GivenShard['doors']
  listeners: ReadonlyMap<SocketId, Address> | undefined = new Map()
  readonly #answers: Answers

  constructor(answers: Answers, doors: Slot['doors'] = []) {
    this.#answers = answers
    this.doors = doors
  }

  async step(step: string, ...of: unknown[]): Promise<never> {
    this.asked.push(step)
    return (await this.#answers[step]?.(...(of as never[]))) as never
  }

  post(message: ToWorker): void {
    this.told.push(message)
  }
}

function given(name: string, fd?: number): GivenShard {
  const udp = fd === undefined ? [] : [{ id: 1 as SocketId, purpose: 'relay' as const, local, fd }]
  const snapshot = Buffer.from(name)
  return { snapshot, udp, listeners: [], connections: [], reserved: [], doors: [] }
}

function start(...slots: Slot[]) {
  const { settings } = loaded({})
  const admission = new Admission(quotas(settings))
  const keys = { nonces: new Uint8Array(32).fill(1), tickets: new Uint8Array(64).fill(2) }
  const ports = new PortDirectory([relay], { from: 50_000, to: 50_009 })
  const freed: number[] = []
  const book = new ShardBook(settings, {
    shards: slots.length,
    admission,
    meters: new Meters(new SharedArrayBuffer(Meters.bytes(16))),
    clock: { now: () => NOW },
    adopted() {},
    freed: ({ fd }) => void freed.push(fd),
  })
  let closed = 0
  const closeListeners = () => void closed++
  const openGroup = () => ({ at: (index: number) => 70 + index })
  const listenersOf = (index: number) => slots[index]!.listeners
  const handOver = new WorkersHandOver({ slots, book, keys, ports, closeListeners, openGroup, listenersOf })
  return { handOver, book, keys, ports, freed, closed: () => closed, admission }
}

const openFiles = () => readdirSync('/proc/self/fd').length

t.test('each worker gives what it has, with its doors, and the main thread the rest', { skip }, async t => {
  const slots = [new Slot({ settle: () => true, give: () => given('one') }, [[5 as SocketId, door]])]
  slots.push(new Slot({ settle: () => true, give: () => given('two') }))
  const { handOver, book, keys, closed, freed } = start(...slots)
  const fd = openSync('/dev/null', 'r')
  const token = Buffer.from('a token!')
  book.reserve({ parked: { token, fd, local }, owner, client, expires: (NOW + 1000) as Time })
  const before = openFiles()

  await handOver.hold()
  t.ok(handOver.isHeld, 'a worker that comes now waits, too')
  t.equal(await handOver.settle(), true)
  const all = await handOver.give()
  t.same(
    all.shards.map(({ snapshot, doors }) => [Buffer.from(snapshot).toString(), doors]),
    [
      ['one', [[5, door]]],
      ['two', []],
    ],
  )
  t.same(all.common!.keys, keys)
  t.match(all.common!.reserved, [{ parked: { token, local }, owner, client }])
  t.not(all.common!.reserved[0]!.parked.fd, fd, 'a copy, since ours may run out meanwhile')

  await handOver.takeBack(all)
  t.equal(openFiles(), before)
  t.notOk(handOver.isHeld)
  t.equal(closed(), 0)
  t.same(slots[0]!.asked, ['hold', 'settle', 'give', 'takeBack', 'go'])

  await handOver.leave()
  t.equal(closed(), 1)
  t.same(freed, [fd], 'the port is the other process’s from now on')
})

t.test('where one worker cannot give, those that have given go on with it', { skip }, async t => {
  const fd = openSync('/dev/null', 'r')
  const back: GivenShard[] = []
  const giving = new Slot({
    give: () => given('one', fd),
    takeBack: (one: GivenShard) => void back.push(one),
  })
  const broken = new Slot({ give: () => Promise.reject(new Error('a worker is not running')) })
  const { handOver } = start(giving, broken)

  await t.rejects(handOver.give(), /not running/)
  await new Promise(setImmediate)
  t.match(back, [{ udp: [{ fd }] }])

  const gone = new Slot({
    give: () => given('one', fd),
    takeBack: () => Promise.reject(new Error('a worker is not running')),
  })
  const before = openFiles()
  await t.rejects(start(gone, broken).handOver.give(), /not running/)
  await new Promise(setImmediate)
  t.equal(openFiles(), before - 1, 'and what nobody takes back does not stay open')
})

t.test('a worker that hangs does not keep the others waiting', { skip }, async t => {
  const hanging = new Slot({ hold: () => new Promise(() => {}) })
  const { handOver } = start(new Slot({}), hanging)
  t.intercept(globalThis, 'setTimeout', {
    value: (late: () => void) => void setImmediate(late),
  })
  await t.rejects(handOver.hold(), /in time/)
})

t.test('what each worker takes is entered for it, and keys and ports are the main thread’s', async t => {
  const opened = (allocation: number) => ({
    ok: true,
    value: {
      opened: [{ kind: 'opened', allocation, at: NOW, owner, client, via: 'udp', relayed: [] }],
      lost: allocation === 8 ? [8] : [],
    },
  })
  const slots = [new Slot({ take: () => opened(7) }), new Slot({ take: () => opened(8) })]
  const { handOver, book, keys, ports } = start(...slots)
  const theirs = { nonces: new Uint8Array(32).fill(7), tickets: new Uint8Array(64).fill(8) }
  const reserved = [
    {
      parked: { token: Buffer.from('a token!'), fd: 99, local },
      owner,
      client,
      expires: (NOW + 1000) as Time,
    },
  ]
  const relay = { shards: [given('one'), given('two')], common: { keys: theirs, reserved } }

  const taken = await handOver.take(relay)
  t.match(taken, { ok: true, value: { opened: [{ allocation: 7 }, { allocation: 8 }], lost: [8] } })
  t.same(keys, theirs, 'as a worker gets them that starts later')
  t.same([book.shardOf(7 as AllocationId), book.shardOf(8 as AllocationId)], [0, 1])
  t.match(slots[1]!.told, [{ kind: 'resume', holdings: [{ allocation: 8, owner }] }])
  t.ok(book.knows(Buffer.from('a token!')))
  t.equal(new Uint8Array(ports.memory)[1], 255)

  await handOver.drop(taken.ok ? taken.value.lost : [])
  t.same([slots[0]!.asked.includes('drop'), slots[1]!.asked.includes('drop')], [false, true])
  const bound = handOver.bindUnread({ transport: 'udp', address: local })
  t.same(bound, { ok: true, value: [70, 71] })
})

t.test('a worker that cannot take, or another number of them, is said', async t => {
  const common = { keys: { nonces: new Uint8Array(32), tickets: new Uint8Array(64) }, reserved: [] }
  const fine = new Slot({ take: () => ({ ok: true, value: { opened: [], lost: [] } }) })
  const broken = new Slot({ take: () => Promise.reject(new Error('a worker is not running')) })
  const damaged = new Slot({
    take: () => ({ ok: false, error: 'the snapshot was damaged on its way' }),
    rehearse: () => ({ ok: false, error: 'the snapshot is of another version' }),
  })
  const shards = [given('one'), given('two')]
  t.match(await start(fine, broken).handOver.take({ shards, common }), { ok: false, error: /not running/ })
  t.match(await start(fine, damaged).handOver.take({ shards, common }), { ok: false, error: /damaged/ })
  t.match(await start(fine, fine).handOver.take({ shards: shards.slice(1), common }), { error: /number/ })
  const { handOver } = start(new Slot({ rehearse: () => ({ ok: true, value: 0 }) }), damaged)
  t.match(await handOver.rehearse([Buffer.alloc(0)]), { error: /2 workers, and the other 1/ })
  t.match(await handOver.rehearse([Buffer.alloc(0), Buffer.alloc(0)]), { error: /another version/ })
})

t.test('what a journal needs beside it is known once every worker has said where it listens', t => {
  const connection = { ...door, via: 'tcp' as const }
  const slots = [
    new Slot({}, [
      [5 as SocketId, door],
      [6 as SocketId, connection],
    ]),
    new Slot({}),
  ]
  const { handOver, keys } = start(...slots)
  slots[1]!.listeners = undefined
  t.equal(handOver.known, undefined)
  slots[1]!.listeners = new Map([[3 as SocketId, local]])
  t.same(handOver.known, {
    keys,
    shards: [
      { listeners: new Map(), doors: [[5, door]] },
      { listeners: new Map([[3, local]]), doors: [] },
    ],
  })
  t.end()
})
