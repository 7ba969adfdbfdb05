import { formatAddress } from '../../src/base/address.ts'
import type { Stage } from './actions.ts'

/** How much everybody has seen, which tells after which step they parted. */
export function counts(stage: Stage): unknown {
  const { clients, peers, sim } = stage
  return [
    ...clients.map(client => [client.received.length, client.errors.length]),
    ...peers.map(peer => peer.datagrams.length),
    sim.allocations,
  ]
}

/** All that anybody outside has seen. Within a batch the order is the network's business. */
export function seen(stage: Stage): unknown {
  return {
    clients: stage.clients.map(client => ({
      errors: client.errors,
      inbox: client.received
        .map(({ peer, channel, bytes }) => `${formatAddress(peer)} ${channel ?? '-'} ${digest(bytes)}`)
        .sort(),
      icmp: client.events.filter(event => event.kind === 'icmp').length,
    })),
    peers: stage.peers.map(peer =>
      peer.datagrams.map(({ from, bytes }) => `${formatAddress(from)} ${digest(bytes)}`).sort(),
    ),
    allocations: stage.sim.allocations,
  }
}

/** What the ends of allocations say about traffic, and what was counted by the way. */
export function compareEnds(fast: Stage, slow: Stage): void {
  // A forwarder that knows its figures late delays the telling, and so changes the order.
  const ends = (stage: Stage) => stage.sim.told('closed').sort((a, b) => a.allocation - b.allocation)
  same(ends(fast), ends(slow), 'the accounts')
  const traffic = (stage: Stage) => (['udp', 'tcp'] as const).map(via => stage.sim.counters.traffic(via))
  same(traffic(fast), traffic(slow), 'the counters')
}

export function same(a: unknown, b: unknown, when: string): void {
  const [one, other] = [stringify(a), stringify(b)]
  if (one !== other) throw new Error(`${when}:\nwith the table: ${one}\nwithout:        ${other}`)
}

function stringify(value: unknown): string {
  return JSON.stringify(value, (_key, each) =>
    each instanceof Uint8Array ? Buffer.from(each).toString('hex') : each,
  )
}

function digest(bytes: Buffer): string {
  return `${bytes.length}:${bytes[0] ?? ''}`
}
