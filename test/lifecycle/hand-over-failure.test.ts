import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, connect as dial, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { SNAPSHOT_VERSION } from '../../src/core/snapshot/envelope.ts'
import { HandOverLink } from '../../src/handover/link.ts'
import { AT_ONCE, handOverPath, PROTOCOL } from '../../src/handover/protocol.ts'
import { lost } from '../support/calls.ts'
import { upgrade } from '../support/hand-over.ts'
import { openCalls, startServe } from '../support/lifecycle.ts'
import type { RunningRelay } from '../support/relay.ts'

t.setTimeout(180_000)

const HELLO = {
  kind: 'hello',
  protocol: PROTOCOL,
  version: 'a test',
  snapshots: [SNAPSHOT_VERSION],
  pid: process.pid,
} as const

interface Copied {
  readonly shards: readonly { readonly sockets: readonly unknown[] }[]
}

/** Says its part of a hand-over, up to the step at which it fails. */
class Puppet {
  readonly #path: string
  readonly #socket: Socket
  readonly link: HandOverLink
  #channel: Socket | undefined
  #name = ''

  readonly workers: number

  constructor(relay: RunningRelay, workers: number) {
    this.workers = workers
    this.#path = handOverPath(relay.folder)
    this.#socket = dial(this.#path)
    this.link = new HandOverLink(this.#socket)
  }

  async ask(kind: string, more: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    this.link.say({ kind, ...more })
    return this.link.next(20_000)
  }

  async welcome(): Promise<void> {
    this.link.say(HELLO)
    const { kind, channel } = (await this.link.next(20_000)) as { kind: string; channel: string }
    if (kind !== 'welcome') throw new Error(`not welcome, but ${kind}`)
    this.#name = channel
  }

  /** Opens the connection for descriptors. */
  async second(): Promise<void> {
    this.#channel = dial(this.#path)
    await once(this.#channel, 'connect')
    new HandOverLink(this.#channel).say({ kind: 'channel', of: this.#name })
  }

  async rehearse(): Promise<void> {
    await this.welcome()
    await this.second()
    await this.ask('rehearse')
    await this.#states(this.workers - 1)
  }

  /** Has the relay send ahead what there is, or what has changed. */
  async copy(): Promise<void> {
    const { shards } = (await this.ask('copy')) as Copied
    await this.#states(this.workers)
    const count = shards.reduce((sum, { sockets }) => sum + sockets.length, 0)
    for (let passed = 0; passed < count; passed += AT_ONCE) await this.ask('more')
  }

  /** Takes everything, and then twice what has changed meanwhile. */
  async copies(): Promise<void> {
    await this.rehearse()
    for (let i = 0; i < 3; i++) await this.copy()
  }

  /** The relay reads nothing any more when this resolves. */
  async give(): Promise<void> {
    await this.copies()
    await this.ask('give')
    await this.#states(this.workers)
  }

  /** The relay has requests wait when this resolves, and goes on with data. */
  async giveAhead(): Promise<void> {
    await this.copies()
    await this.ask('give', { ahead: true })
    await this.#states(this.workers)
  }

  async takeAhead(): Promise<void> {
    await this.giveAhead()
    await this.ask('more')
  }

  /** The relay reads nothing any more when this resolves. */
  async rest(): Promise<void> {
    await this.takeAhead()
    const { kind } = (await this.ask('taken')) as { kind: string }
    if (kind !== 'rest') throw new Error(`no rest, but ${kind}`)
  }

  async #states(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await this.link.next(20_000)
  }

  async take(): Promise<void> {
    await this.give()
    await this.ask('more')
  }

  /** As a process that is killed. */
  die(): void {
    this.#socket.destroy()
    this.#channel?.destroy()
  }

  /** Resolves with why the relay goes on. */
  async refused(): Promise<string> {
    const { why } = (await this.link.next(20_000)) as unknown as { why: string }
    this.die()
    return why
  }
}

/** Each step at which another process can fail, and what it is told if it is told anything. */
const FAILURES: readonly [name: string, play: (puppet: Puppet) => Promise<unknown>, told?: RegExp][] = [
  ['says nothing that is known', async puppet => puppet.link.say({ kind: 'good morning' }), /out of turn/],
  ['speaks another version', async puppet => puppet.link.say({ ...HELLO, protocol: 99 }), /version 99/],
  [
    'cannot read our snapshots',
    async puppet => puppet.link.say({ ...HELLO, snapshots: [SNAPSHOT_VERSION + 1] }),
    /cannot read snapshots/,
  ],
  ['is gone before it says anything', async puppet => puppet.die()],
  ['is gone after the welcome', puppet => puppet.welcome().then(() => puppet.die())],
  ['is gone after the rehearsal', puppet => puppet.rehearse().then(() => puppet.die())],
  [
    'cannot restore the rehearsal',
    async puppet => {
      await puppet.rehearse()
      puppet.link.say({ kind: 'failed', why: 'no memory' })
    },
    /no memory/,
  ],
  [
    'opens no connection for descriptors',
    async puppet => {
      await puppet.welcome()
      await puppet.ask('rehearse')
      for (let i = 1; i < puppet.workers; i++) await puppet.link.next(20_000)
      puppet.link.say({ kind: 'give' })
    },
    /opened no connection/,
  ],
  [
    'is gone before it has taken a copy',
    async puppet => {
      await puppet.rehearse()
      puppet.link.say({ kind: 'copy' })
      puppet.die()
    },
  ],
  [
    'is gone with a copy and not with its sockets',
    async puppet => {
      await puppet.rehearse()
      await puppet.ask('copy')
      puppet.die()
    },
  ],
  ['is gone with copies', puppet => puppet.copies().then(() => puppet.die())],
  [
    'cannot restore a copy',
    async puppet => {
      await puppet.copies()
      puppet.link.say({ kind: 'failed', why: 'a copy is damaged' })
    },
    /a copy is damaged/,
  ],
  [
    'takes no copies and is gone when everything was given',
    async puppet => {
      await puppet.rehearse()
      await puppet.ask('give')
      puppet.die()
    },
  ],
  ['is gone when everything was given', puppet => puppet.give().then(() => puppet.die())],
  ['is gone with the descriptors', puppet => puppet.take().then(() => puppet.die())],
  [
    'cannot bind a port',
    async puppet => {
      await puppet.take()
      puppet.link.say({ kind: 'failed', why: 'address in use' })
    },
    /address in use/,
  ],
  [
    'is gone when it has everything',
    async puppet => {
      await puppet.take()
      await puppet.ask('taken')
      puppet.die()
    },
  ],
  ['is gone while data goes on', puppet => puppet.giveAhead().then(() => puppet.die())],
  ['is gone with the descriptors while data goes on', puppet => puppet.takeAhead().then(() => puppet.die())],
  [
    'cannot take connections over while data goes on',
    async puppet => {
      await puppet.takeAhead()
      puppet.link.say({ kind: 'failed', why: 'no room for connections' })
    },
    /no room for connections/,
  ],
  [
    'takes no copies, and is gone while data goes on',
    async puppet => {
      await puppet.rehearse()
      await puppet.ask('give', { ahead: true })
      puppet.die()
    },
  ],
  ['is gone with the rest', puppet => puppet.rest().then(() => puppet.die())],
  [
    'cannot read the rest',
    async puppet => {
      await puppet.rest()
      puppet.link.say({ kind: 'failed', why: 'the rest is damaged' })
    },
    /the rest is damaged/,
  ],
  ['hangs while data goes on', puppet => puppet.giveAhead(), /has not answered/],
  ['hangs with the rest', puppet => puppet.rest(), /has not answered/],
  ['hangs when everything was given', puppet => puppet.give(), /has not answered/],
]

/** What the relay logs of each. */
const OVER = 'nothing was handed over'

for (const workers of [1, 2])
  t.test(`whatever goes wrong with a new process, calls go on in the old one (workers: ${workers})`, t =>
    failAtEachStep(t, workers),
  )

async function failAtEachStep(t: Test, workers: number): Promise<void> {
  const relay = await startServe(t, { settings: { control: 'auto', workers } })
  const udp = (await openCalls(t, relay, 5)).talk()
  const tcp = (await openCalls(t, relay, 5, 'tcp')).talk()

  const play = async () => {
    for (const [index, [name, fail, told]] of FAILURES.entries()) {
      const puppet = new Puppet(relay, workers)
      await fail(puppet)
      if (told) t.match(await puppet.refused(), told, name)
      else t.pass(name)
      // The next may come as soon as this one is over.
      await relay.child.says(new RegExp(`(?:${OVER}(?:(?!${OVER})[^])*){${index + 1}}`))
    }
  }
  const playing = play()
  const [a, b] = await Promise.all([udp.lossOf(() => playing), tcp.lossOf(() => playing)])
  t.equal(lost(a), 0, `UDP: ${JSON.stringify(a)}`)
  t.equal(lost(b), 0, `TCP: ${JSON.stringify(b)}`)

  t.match(await upgrade(t, relay), { ok: true, allocations: 10 }, 'and another process can still take over')
  const after = await udp.lossOf()
  t.equal(lost(after), 0)
}

t.test('a new process that cannot start changes nothing', async t => {
  const relay = await startServe(t, { settings: { control: 'auto' } })
  const calls = (await openCalls(t, relay, 5)).talk()
  const before = readFileSync(relay.config!, 'utf8')
  const settings = JSON.parse(before) as { readonly listen: readonly string[] }
  const write = (changed: unknown) => writeFileSync(relay.config!, JSON.stringify(changed))
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port } = taken.address() as { port: number }

  const loss = await calls.lossOf(async () => {
    write({ ...settings, limits: { lifetime: 'for ever' } })
    t.match(await upgrade(t, relay), { ok: false, why: /exit code 3/ }, 'a broken file')
    write({ ...settings, listen: [...settings.listen, `tcp://127.0.0.1:${port}`] })
    t.match(await upgrade(t, relay), { ok: false, why: new RegExp(`${port}`) }, 'a port that is taken')
    write({ ...settings, listen: settings.listen.filter(at => !at.startsWith('udp:')) })
    t.match(await upgrade(t, relay), { ok: false, why: /calls run over udp:/ }, 'a listener that is missing')
    write({ ...settings, udp: 'dgram' })
    t.match(await upgrade(t, relay), { ok: false, why: /native UDP transport/ }, 'another transport')
  })

  t.equal(lost(loss), 0)
  t.equal(relay.child.exit, undefined)
})
