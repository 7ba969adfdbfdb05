import { parseArgs } from 'node:util'
import type { Seconds } from '../../src/base/time.ts'
import { EVEN_PORT, LIFETIME } from '../../src/wire/attributes.ts'
import { Method } from '../../src/wire/message.ts'
import { Hand, type Place, peer, sixth } from '../support/hand.ts'
import { MAIN, NO_RATES, startBenchRelay } from '../support/relay.ts'
import { Inspector, type Live } from './inspector.ts'

/*
 * Bytes that the relay holds for each thing that a client can make it hold.
 * The relay is the built program in a process of its own, which is looked at
 * after its garbage has been collected.
 */
const { values: options } = parseArgs({
  options: {
    count: { type: 'string', default: '300' },
    channels: { type: 'string', default: '65536' },
    udp: { type: 'string', default: 'auto' },
    port: { type: 'string', default: '24824' },
    main: { type: 'string', default: MAIN },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) {
  console.log(`Options: --count of allocations and of whatever comes once in each (${options.count}; ulimit -n must allow as many sockets here and in the relay);
--channels and permissions (${options.channels}); --udp native or dgram; --port of the relay, and the one above it (${options.port}); --main the program`)
  process.exit()
}
const count = Number(options.count)
const channels = Number(options.channels)
const port = Number(options.port)
const EACH = 256
const USER = '@bench:example.org'

const relay = await startBenchRelay({
  port,
  main: options.main,
  udp: options.udp,
  node: [`--inspect=127.0.0.1:${port + 1}`],
  limits: {
    ...NO_RATES,
    allocationsPerUser: 1_000_000,
    allocationsPerAddress: 1_000_000,
    permissionsPerUser: 10_000_000,
    channelsPerUser: 10_000_000,
    permissions: 10_000_000,
    channels: 10_000_000,
    connectionsPerAddress: 1_000_000,
    connections: 1_000_000,
  },
})
const inspector = await Inspector.open(port + 1)
const crowd: Hand[] = []

// The first of everything compiles code and makes tables.
await allocations(EACH, {}, undefined)
await channelsOf(crowd, 4, 4096, 50_000)
await inspector.live()

console.log(`bytes for each${' '.repeat(31)}heap  outside    all`)
await measure('TCP connection', count, async () => {
  for (let i = 0; i < count; i++) crowd.push(await Hand.open({ port, via: 'tcp' }, USER))
})
await measure('allocation over it', count, async () => {
  for (const hand of crowd.slice(-count)) await hand.allocate()
})
await measure('allocation, IPv4', count, () => allocations(count, {}, undefined))
const four = crowd.slice(-Math.ceil(channels / EACH))
await measure('allocation, IPv6', count, () => allocations(count, { host: '::1' }, sixth))
const six = crowd.slice(-Math.ceil(channels / EACH))
await measure('allocation of a user with no other', count, () => allocations(count, {}, undefined, true))
await measure('reservation (EVEN-PORT) and its allocation', count, () =>
  allocations(count, {}, writer => writer.set(EVEN_PORT, true)),
)
for (const [hands, family] of [
  [four, 4],
  [six, 6],
] as const) {
  await measure(`permission, IPv${family}`, channels, () => permissionsOf(hands, family, channels))
  await measure(`channel to a permitted host, IPv${family}`, channels, () =>
    channelsOf(hands, family, channels),
  )
}
await measure('answer remembered', Math.min(count, 1024), async () => {
  for (const hand of crowd.slice(-count)) {
    await hand.ask(hand.signed(Method.Refresh, writer => writer.set(LIFETIME, 0 as Seconds)))
  }
})
await relay.stop()
process.exit()

async function allocations(
  many: number,
  place: Partial<Place>,
  fields: Parameters<Hand['allocate']>[0],
  apart = false,
): Promise<void> {
  for (let i = 0; i < many; i += 50) {
    const some = await Promise.all(
      Array.from({ length: Math.min(50, many - i) }, (_, k) =>
        Hand.open({ port, ...place }, apart ? `@bench${i + k}:example.org` : USER),
      ),
    )
    await Promise.all(some.map(hand => hand.allocate(fields)))
    crowd.push(...some)
  }
}

async function permissionsOf(hands: readonly Hand[], family: 4 | 6, many: number): Promise<void> {
  for (const [at, hand] of hands.entries()) {
    const left = Math.min(EACH, many - at * EACH)
    await hand.ask(hand.permission(...Array.from({ length: left }, (_, i) => peer(family, i))))
  }
}

async function channelsOf(hands: readonly Hand[], family: 4 | 6, many: number, from = 0): Promise<void> {
  for (const [at, hand] of hands.entries()) {
    const left = Math.max(0, Math.min(EACH, many - at * EACH))
    await hand.pour(
      Array.from({ length: left }, (_, i) => hand.binding(0x4000 + i, peer(family, from + i, 4000 + i))),
      64,
    )
  }
}

async function measure(name: string, many: number, make: () => Promise<unknown>): Promise<void> {
  const before = await inspector.live()
  await make()
  const after = await inspector.live()
  const each = (of: (live: Live) => number) => (of(after) - of(before)) / many
  const [heap, outside] = [each(live => live.heap), each(live => live.outside)]
  console.log(
    `${name.padEnd(44)}${heap.toFixed(0).padStart(6)}${outside.toFixed(0).padStart(9)}${(heap + outside).toFixed(0).padStart(7)}`,
  )
}
