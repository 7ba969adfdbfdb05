import { once } from 'node:events'
import { connect } from 'node:net'
import { connect as connectTls, TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { credential } from '../support/credentials.ts'
import { enterNamespace, Namespace, needNamespaces } from '../support/namespaces.ts'
import { descriptorsOf, residentOf } from '../support/process-memory.ts'
import { type RelayOptions, type RunningRelay, startRelay } from '../support/relay.ts'
import { codeOf, openSession, type TurnSession } from '../support/turn-session.ts'

await enterNamespace(import.meta.url)
t.setTimeout(600_000)
// The ports of the relay are nobody else's, not even the clients'.
if (!needNamespaces().skip) Namespace.own().set('net/ipv4/ip_local_port_range', '10000 40000')

const CYCLES = process.env.TEST_LONG ? 10_000 : 2000
/** Clients at work at once. */
const CLIENTS = 16
/** Octets that a whole run of cycles may leave behind: noise of a heap, and far less than anything kept for each cycle. */
const MEMORY = 24 << 20
/** Milliseconds for what is over to be cleared away: connections that close, and a heap that nobody is in a hurry to sweep. */
const PATIENCE = 90_000
/** Descriptors that may be open for a moment more than before. */
const SLACK = 4
const PORTS = 1000
/** Nothing but what is tested shall say no. */
const LIMITS = {
  allocationsPerUser: 100_000,
  allocationsPerAddress: 100_000,
  allocationsPerUserPerMinute: 'unlimited',
  requestsPerUserPerSecond: 'unlimited',
  unverifiedAnswersPerNetwork: 'unlimited',
  unverifiedAnswers: 'unlimited',
  connectionsPerAddress: 4096,
}

async function start(t: Test, settings: Readonly<Record<string, unknown>> = {}): Promise<RunningRelay> {
  const options: RelayOptions = {
    against: 'taciturn',
    settings: {
      relay: { addresses: ['127.0.0.1'], ports: `49152-${49152 + PORTS - 1}` },
      limits: LIMITS,
      log: { level: 'error', format: 'json', privacy: 'none' },
      ...settings,
    },
  }
  const relay = await startRelay(options)
  t.teardown(() => relay.stop())
  return relay
}

interface State {
  readonly descriptors: number
  readonly memory: number
  readonly allocations: number
  readonly ports: number
}

async function stateOf(relay: RunningRelay): Promise<State> {
  const page = await (await fetch(relay.metrics!)).text()
  const sum = (start: string) =>
    page
      .split('\n')
      .filter(line => line.startsWith(start))
      .reduce((n, line) => n + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
  return {
    descriptors: descriptorsOf(relay.child.pid),
    memory: residentOf(relay.child.pid),
    allocations: sum('taciturn_allocations{'),
    ports: sum('taciturn_relay_ports{state="used"}'),
  }
}

/** Runs cycles once to warm up and once to see what they leave; then everything must be as it was. */
async function leavesNothing(
  t: Test,
  relay: RunningRelay,
  cycles: number,
  run: (cycles: number) => Promise<void>,
) {
  await run(Math.ceil(cycles / 4))
  const before = await stateOf(relay)
  const start = performance.now()
  await run(cycles)
  const seconds = (performance.now() - start) / 1000
  const patience = performance.now() + PATIENCE
  const isBack = (now: State) =>
    now.descriptors <= before.descriptors + SLACK && now.memory - before.memory < MEMORY
  let after = await stateOf(relay)
  const most = after.memory
  while (!isBack(after) && performance.now() < patience) {
    // Seldom enough that looking does not keep the heap busy.
    await new Promise(resolve => setTimeout(resolve, 1000))
    after = await stateOf(relay)
  }
  t.comment(
    `${cycles} in ${seconds.toFixed(1)} s: descriptors ${before.descriptors} → ${after.descriptors},`,
    `memory ${Math.round((most - before.memory) / 1024)} kB more at once,`,
    `${Math.round((after.memory - before.memory) / 1024)} kB in the end`,
  )
  t.equal(after.allocations, before.allocations, 'allocations')
  t.equal(after.ports, before.ports, 'relay ports')
  t.ok(
    after.descriptors <= before.descriptors + SLACK,
    `descriptors ${before.descriptors} → ${after.descriptors}`,
  )
  t.ok(after.memory - before.memory < MEMORY, `memory ${before.memory} → ${after.memory}`)
}

/** Shares cycles out to several clients with sockets of their own. */
async function byClients(
  t: Test,
  relay: RunningRelay,
  cycles: number,
  cycle: (client: TurnSession, n: number) => Promise<void>,
): Promise<void> {
  let left = cycles
  await Promise.all(
    Array.from({ length: CLIENTS }, async (_, i) => {
      const user = credential(relay.secret, `@user${i}:example.org`)
      const client = await openSession({ host: '127.0.0.1', port: relay.port }, user)
      try {
        while (left-- > 0) await cycle(client, left)
      } finally {
        client.close()
      }
    }),
  )
  t.ok(true)
}

t.test(
  'allocate and release gives everything back [SEC-31, SEC-54, OPS-09]',
  needNamespaces('openssl'),
  async t => {
    const relay = await start(t)
    const failures = new Map<number, number>()
    await leavesNothing(t, relay, CYCLES, cycles =>
      byClients(t, relay, cycles, async client => {
        count(failures, codeOf(await client.allocate()))
        count(failures, await client.release())
      }),
    )
    t.same([...failures.keys()], [0], 'all of it succeeded')
    await fillsTheRange(t, relay)
  },
)

t.test(
  'pairs of ports come back, with tokens that are used and ones that are not [SEC-31, OPS-09]',
  needNamespaces('openssl'),
  async t => {
    const relay = await start(t)
    const answers = new Map<number, number>()
    let unused = 0
    let isMeasured = false
    const cycle = async (client: TurnSession, n: number) => {
      const answer = await client.allocate({ port: n % 3 === 0 ? 'even' : 'pair' })
      count(answers, codeOf(answer))
      count(answers, await client.release())
      const token = answer.kind === 'allocated' ? answer.reservation : undefined
      if (!token) return
      if (n % 30 === 2 && isMeasured) {
        unused++
        return
      }
      count(answers, codeOf(await client.allocate({ reservation: token })))
      count(answers, await client.release())
    }
    await leavesNothing(t, relay, CYCLES, async cycles => {
      isMeasured = cycles === CYCLES
      await byClients(t, relay, cycles, cycle)
      // What was reserved and not asked for is free again after half a minute (RFC 8656 §7.2).
      await until(async () => (await stateOf(relay)).ports === 0, 45_000)
    })
    t.same([...answers.keys()], [0], 'all of it succeeded')
    t.comment(`${unused} tokens were left to lapse`)
    t.ok(unused > CYCLES / 40)
    await fillsTheRange(t, relay)
  },
)

t.test(
  'an allocation that cannot be had costs nothing [SEC-61, OPS-09]',
  needNamespaces('openssl'),
  async t => {
    const relay = await start(t, {
      relay: { addresses: ['127.0.0.1'], ports: '49152-49155' },
      limits: { ...LIMITS, allocationsPerUser: 4 },
    })
    const holders: TurnSession[] = []
    t.teardown(() => {
      for (const holder of holders) holder.close()
    })
    const user = credential(relay.secret, '@holder:example.org')
    for (let i = 0; i < 4; i++) {
      const holder = await openSession({ host: '127.0.0.1', port: relay.port }, user)
      holders.push(holder)
      t.equal(codeOf(await holder.allocate()), 0)
    }
    const codes = new Map<number, number>()
    await leavesNothing(t, relay, CYCLES, cycles =>
      byClients(t, relay, cycles, async client => count(codes, codeOf(await client.allocate()))),
    )
    t.same([...codes.keys()], [508])
    const one = await openSession({ host: '127.0.0.1', port: relay.port }, user)
    t.teardown(() => one.close())
    t.equal(codeOf(await one.allocate()), 486, 'who has four may have no more')
    for (const holder of holders) t.equal(await holder.release(), 0)
    for (const holder of holders)
      t.equal(codeOf(await holder.allocate()), 0, 'quota and ports are whole again')
  },
)

t.test(
  'clients of TCP that come and vanish leave nothing [SEC-54, OPS-08]',
  needNamespaces('openssl'),
  async t => {
    const relay = await start(t)
    await leavesNothing(t, relay, CYCLES, cycles =>
      vanish(cycles, () => connect(relay.port, '127.0.0.1'), 'connect'),
    )
  },
)

t.test('clients of TLS that come and vanish leave nothing [SEC-54]', needNamespaces('openssl'), async t => {
  const relay = await start(t)
  const one = () => connectTls({ port: relay.tlsPort, host: '127.0.0.1', rejectUnauthorized: false })
  // At every stage: before the handshake, in it, and behind it.
  const half = () => {
    const socket = connect(relay.tlsPort, '127.0.0.1')
    socket.write(Buffer.from('160301020001', 'hex'))
    return socket
  }
  await leavesNothing(t, relay, CYCLES / 10, async cycles => {
    await vanish(cycles, one, 'secureConnect')
    await vanish(cycles, one, 'connect')
    await vanish(cycles, half, 'connect')
  })
})

t.test(
  'allocations whose TCP connection vanishes end with it [SEC-33, SEC-54]',
  needNamespaces('openssl'),
  async t => {
    const relay = await start(t)
    await leavesNothing(t, relay, CYCLES / 5, async cycles => {
      let left = cycles
      await Promise.all(
        Array.from({ length: CLIENTS }, async (_, i) => {
          while (left-- > 0) {
            const target = { host: '127.0.0.1', port: relay.port, via: 'tcp' } as const
            const client = await openSession(target, credential(relay.secret, `@user${i}:example.org`))
            const code = codeOf(await client.allocate())
            client.close()
            if (code !== 0) throw new Error(`Allocate: ${code}`)
          }
        }),
      )
      await until(async () => (await stateOf(relay)).allocations === 0, 10_000)
    })
  },
)

/** Every port of the range can be had, once. */
async function fillsTheRange(t: Test, relay: RunningRelay): Promise<void> {
  const sockets: TurnSession[] = []
  t.teardown(() => {
    for (const socket of sockets) socket.close()
  })
  const codes = new Map<number, number>()
  for (let i = 0; i <= PORTS; i++) {
    const user = credential(relay.secret, `@filler${i % 10}:example.org`)
    const session = await openSession({ host: '127.0.0.1', port: relay.port }, user)
    sockets.push(session)
    count(codes, codeOf(await session.allocate()))
  }
  t.same(
    [...codes],
    [
      [0, PORTS],
      [508, 1],
    ],
    'every port of the range is there, once',
  )
}

/** Opens connections, and drops each as soon as it says that it is at that stage. */
async function vanish(
  cycles: number,
  open: () => ReturnType<typeof connect>,
  stage: 'connect' | 'secureConnect',
): Promise<void> {
  let left = cycles
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      while (left-- > 0) {
        const socket = open()
        socket.on('error', () => {})
        await once(socket, stage)
        // Half of them hang up, the others are gone without a word.
        if (left % 2 === 0 || socket instanceof TLSSocket) socket.destroy()
        else socket.resetAndDestroy()
      }
    }),
  )
}

async function until(is: () => Promise<boolean>, patience: number): Promise<void> {
  const end = performance.now() + patience
  while (!(await is()) && performance.now() < end) await new Promise(resolve => setTimeout(resolve, 100))
}

function count(counts: Map<number, number>, code: number): void {
  counts.set(code, (counts.get(code) ?? 0) + 1)
}
