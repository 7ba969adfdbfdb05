import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { type CallClient, callClient } from '../support/call-client.ts'
import { lost } from '../support/calls.ts'
import { eventually, openCalls, page, ROOMY, startServe } from '../support/lifecycle.ts'
import type { RunningRelay } from '../support/relay.ts'

t.setTimeout(300_000)

/** MiB of V8's heap, of which the relay itself needs most. */
const HEAP = 44
/** More than there is memory for, and fewer than there are ports. */
const MOST = 6000
const MIB = 1 << 20

/** Ways to fill the memory that stay below the limits of every user. */
const VARIANTS = {
  'many users with an allocation each': (t: Test, relay: RunningRelay, i: number) =>
    open(t, relay, `@user${i}:example.org`),
  'few users with many': (t: Test, relay: RunningRelay, i: number) =>
    open(t, relay, `@user${i % 8}:example.org`),
  'connections over TCP': (t: Test, relay: RunningRelay, i: number) =>
    open(t, relay, `@user${i % 8}:example.org`, 'tcp'),
  'reserved ports': (t: Test, relay: RunningRelay, i: number) =>
    open(t, relay, `@user${i % 8}:example.org`, 'udp', { port: 'pair' }),
} as const

const SETTINGS = {
  limits: {
    ...ROOMY.limits,
    allocationsPerAddress: 10_000,
    connections: 10_000,
    connectionsPerAddress: 10_000,
  },
  relay: { addresses: ['127.0.0.1'], ports: '10000-29999' },
  log: { level: 'warn', format: 'json' },
}

for (const [name, openOne] of Object.entries(VARIANTS)) {
  t.test(`S-02: a heap that users fill is refused in time and told of: ${name}`, async t => {
    const relay = await startServe(t, {
      before: `exec env NODE_OPTIONS=--max-old-space-size=${HEAP}`,
      settings: SETTINGS,
    })
    const clients = await fill(t, relay, openOne, 'heap')
    for (const one of clients.slice(0, -1)) await one.refresh(0)
    await recovers(t, relay)
  })
}

/** MiB that users may still fill once the limit stands. */
const ROOM = 6
/** The share of a limit from which on it counts as nearly full. */
const HIGH = 0.9

/** What bounds the memory of a process beside its heap: where it counts, and how it is set. */
const BOUNDS: readonly Bound[] = [
  {
    name: 'address space',
    memory: 'addressSpace',
    used: pid => statusOf(pid, 'VmSize'),
    limit: (pid, bytes) => prlimit(pid, 'as', bytes),
  },
  {
    name: 'data',
    memory: 'data',
    used: pid => statusOf(pid, 'VmData'),
    limit: (pid, bytes) => prlimit(pid, 'data', bytes),
  },
]

for (const { name, memory, used, limit } of BOUNDS) {
  t.test(`S-02: near its limit on ${name} a relay refuses, and does not die`, async t => {
    const relay = await startServe(t, { settings: SETTINGS })
    const { pid } = relay.child
    await fill(t, relay, VARIANTS['few users with many'], memory, () =>
      limit(pid, Math.ceil((used(pid) + ROOM * MIB) / HIGH)),
    )
    limit(pid)
    await recovers(t, relay)
  })
}

/** Opens one after the other until no more may be, while calls go on; returns those who have tried. */
async function fill(
  t: Test,
  relay: RunningRelay,
  openOne: (typeof VARIANTS)[keyof typeof VARIANTS],
  memory: string,
  bound: () => void = () => {},
): Promise<CallClient[]> {
  const calls = (await openCalls(t, relay, 5)).talk()
  bound()
  const clients: CallClient[] = []
  let code = 0
  const during = await calls.lossOf(async () => {
    while (code === 0 && clients.length < MOST) {
      const one = await openOne(t, relay, clients.length)
      code = one.code
      clients.push(one.client)
    }
    await pause(2000)
  })
  t.comment(`${clients.length} until it was refused`)
  t.equal(code, 508)
  t.equal(lost(during), 0, 'calls go on')
  t.match(await page(relay, '/readyz'), { status: 503, text: /memory/ })
  t.match(relay.child.output, new RegExp(`"memory":"${memory}".*memory is nearly full`))
  t.equal(relay.child.exit, undefined)
  return clients
}

async function recovers(t: Test, relay: RunningRelay): Promise<void> {
  t.ok(await eventually(async () => (await page(relay, '/readyz'))?.status === 200, 150_000), 'ready again')
  // It may be short of memory once more until V8 has collected what the clients left.
  t.ok(await eventually(async () => (await open(t, relay, '@late:example.org')).code === 0, 30_000), 'opens')
}

interface Bound {
  readonly name: string
  readonly memory: string
  /** Bytes of it that a process uses. */
  used(pid: number): number
  /** Sets the limit; none where no bytes are given. */
  limit(pid: number, bytes?: number): void
}

function statusOf(pid: number, entry: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  return Number(new RegExp(`^${entry}:\\s*(\\d+) kB`, 'm').exec(status)![1]) * 1024
}

function prlimit(pid: number, what: 'as' | 'data', bytes?: number): void {
  execFileSync('prlimit', [`--pid=${pid}`, `--${what}=${bytes ?? 'unlimited'}:unlimited`])
}

/** A cgroup for the memory of one process, of the version that this machine has. */
class MemoryCgroup {
  readonly #folder: string
  readonly #limit: string
  readonly #used: string

  /** Undefined where none can be made. */
  static make(t: Test): MemoryCgroup | undefined {
    for (const [root, limit, used] of [
      ['/sys/fs/cgroup/memory', 'memory.limit_in_bytes', 'memory.usage_in_bytes'],
      ['/sys/fs/cgroup', 'memory.max', 'memory.current'],
    ] as const) {
      const folder = join(root, `taciturn-${process.pid}`)
      try {
        mkdirSync(folder)
      } catch {
        continue
      }
      // Once nothing is left in it; in vain, it stays empty.
      t.teardown(() => eventually(async () => remove(folder), 10_000))
      if (existsSync(join(folder, limit))) return new MemoryCgroup(folder, limit, used)
    }
    return undefined
  }

  private constructor(folder: string, limit: string, used: string) {
    this.#folder = folder
    this.#limit = limit
    this.#used = used
  }

  /** The file that takes those who belong to it. */
  get members(): string {
    return join(this.#folder, 'cgroup.procs')
  }

  get used(): number {
    return Number(readFileSync(join(this.#folder, this.#used), 'latin1'))
  }

  /** Sets the limit; none where no bytes are given. */
  limit(bytes?: number): void {
    const none = this.#limit === 'memory.max' ? 'max' : '-1'
    writeFileSync(join(this.#folder, this.#limit), bytes === undefined ? none : String(bytes))
  }
}

function remove(folder: string): boolean {
  try {
    rmdirSync(folder)
  } catch {
    return !existsSync(folder)
  }
  return true
}

const group = MemoryCgroup.make(t)

t.test(
  'S-02: near the limit of its cgroup a relay refuses, and does not die',
  {
    skip: group ? false : 'no cgroup for memory can be made here',
  },
  async t => {
    const { members } = group!
    const relay = await startServe(t, { before: `echo $$ >${members}; exec`, settings: SETTINGS })
    await fill(t, relay, VARIANTS['connections over TCP'], 'process', () =>
      group!.limit(Math.ceil((group!.used + ROOM * MIB) / HIGH)),
    )
    group!.limit()
    await recovers(t, relay)
  },
)

async function open(
  t: Test,
  relay: RunningRelay,
  user: string,
  via: 'udp' | 'tcp' = 'udp',
  options: Parameters<CallClient['allocate']>[0] = {},
): Promise<{ client: CallClient; code: number }> {
  const client = await callClient(relay.port, relay.secret, user, via)
  t.teardown(() => client.close())
  const event = await client.allocate(options)
  return { client, code: event.kind === 'allocated' ? 0 : event.kind === 'rejected' ? event.code : -1 }
}
