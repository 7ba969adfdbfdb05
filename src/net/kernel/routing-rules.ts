import type { PortSpan } from '../../base/range.ts'

/**
 * What rules of routing (`ip rule`) go by besides addresses, and so what the
 * kernel has to be asked for to learn where a datagram of the relay goes.
 */
export interface RoutingRules {
  /** Whether a rule goes by the port of the peer. */
  readonly byPeerPort: boolean
  /** Ports to ask from: one of each stretch of relay ports that rules treat alike. 0 stands for any. */
  readonly relayPorts: readonly number[]
  /** TOS octets to ask with: clients choose them, and the relay carries them. */
  readonly tos: readonly number[]
  /** Whether a rule goes by what cannot be asked for, such as a mark that the firewall sets. */
  readonly hasOther: boolean
}

/** Selectors that are read; each is more to ask the kernel for each address. */
const MOST_SELECTORS = 16
const WORDS = 3
// native/routes.h
const PEER_PORT = 1
const RELAY_PORT = 2
const TOS = 3
const OTHER = 4

/** Reads the rules by `read`, which writes them as native/routes.h says. Those that cannot be read go by anything. */
export function routingRules(read: (words: Uint32Array) => number, ports: PortSpan): RoutingRules {
  const words = new Uint32Array(MOST_SELECTORS * WORDS)
  const count = read(words)
  if (count < 0) return { byPeerPort: true, relayPorts: [ports.from], tos: [0], hasOther: true }
  const all = Array.from({ length: count }, (_, i) => ({
    kind: words[i * WORDS]!,
    from: words[i * WORDS + 1]!,
    to: words[i * WORDS + 2]!,
  }))
  const of = (kind: number) => all.filter(selector => selector.kind === kind)
  return {
    byPeerPort: of(PEER_PORT).length > 0,
    relayPorts: stretches(of(RELAY_PORT), ports),
    tos: [...new Set([0, ...of(TOS).map(({ from }) => from)])],
    hasOther: of(OTHER).length > 0,
  }
}

/** The first port of each stretch of `ports` that lies in the same ones of `spans`. */
function stretches(spans: readonly PortSpan[], ports: PortSpan): number[] {
  if (spans.length === 0) return [0]
  const edges = spans.flatMap(({ from, to }) => [from, to + 1])
  const starts = edges.filter(edge => ports.from < edge && edge <= ports.to)
  return [...new Set([ports.from, ...starts])].sort((a, b) => a - b)
}
