import t from 'tap'
import { buildFlooder, type Flood, flood, SPOOFED, UNSIGNED } from '../support/flooding.ts'
import {
  type HostileNet,
  type HostileServer,
  hostileNet,
  metric,
  PORT,
  SERVER,
  startCoturn,
  startTaciturn,
} from '../support/hostile-net.ts'
import { enterNamespace, needNamespaces } from '../support/namespaces.ts'
import { residentOf } from '../support/process-memory.ts'
import { ask, bindingRequest } from '../support/stun.ts'

await enterNamespace(import.meta.url)
t.setTimeout(300_000)

const SOURCES = 3000
/** Octets of memory that these sources may cost. */
const BUDGET = 8 << 20
/** The same with what the first of them cost any program: code that is compiled, a heap that finds its size. */
const BUDGET_IN_ALL = 20 << 20

t.test(
  `${SOURCES} sources that prove nothing leave nothing behind [SEC-20, SEC-27, SEC-28, SEC-57, ABU-04, OPS-06]`,
  needNamespaces('cc', 'openssl'),
  async t => {
    const net = await hostileNet(t)
    const program = buildFlooder(t)
    for (const kind of UNSIGNED) {
      const relay = await startTaciturn(t, net)
      const first = await growth(relay, net, program, kind, '60.128.0.0')
      const grown = await growth(relay, net, program, kind, SPOOFED)
      t.comment(
        `${kind.name}: ${kilobytes(grown)} for ${SOURCES} sources, after ${kilobytes(first)} for as many others`,
      )
      t.ok(grown < BUDGET, `${kind.name}: ${kilobytes(grown)}`)
      t.ok(first + grown < BUDGET_IN_ALL, `${kilobytes(first + grown)} in all`)
      t.equal(await metric('taciturn_allocations'), 0)
      await relay.stop()
    }
  },
)

t.test(
  'coturn 4.6.1 keeps some 19 kB for each of them',
  needNamespaces('cc', 'openssl', 'turnserver'),
  async t => {
    const net = await hostileNet(t)
    const program = buildFlooder(t)
    for (const kind of UNSIGNED) {
      const coturn = await startCoturn(t, net)
      const grown = await growth(coturn, net, program, kind, SPOOFED)
      t.comment(`${kind.name}: ${kilobytes(grown)}`)
      t.ok(grown > 3 * BUDGET, `${kind.name}: ${kilobytes(grown)}`)
      await coturn.stop()
    }
  },
)

/** By how much the memory of a server grows with one datagram from each of so many sources. */
async function growth(
  server: HostileServer,
  net: HostileNet,
  program: string,
  kind: Flood,
  first: string,
): Promise<number> {
  const before = residentOf(server.child.pid)
  // Slowly enough for the socket buffers of either server: all of them shall be seen.
  const flooding = flood(net, program, kind, { sources: SOURCES, first, packets: SOURCES, rate: 10_000 })
  await flooding.exited
  await flooding.says(new RegExp(`sent ${SOURCES} `))
  // What is answered now came after all of them.
  if (!(await ask(PORT, bindingRequest(), 10_000, SERVER.ip4))) throw new Error('no answer after the flood')
  return residentOf(server.child.pid) - before
}

function kilobytes(octets: number): string {
  return `${Math.round(octets / 1024)} kB`
}
