import { type Address, address, ipKey } from '../base/address.ts'
import type { HostKey } from '../core/environment.ts'

/** Ports from the first to the last, both included. */
interface Ports {
  readonly from: number
  readonly to: number
}

/** A relay address as sockets are bound to it, and as peers see it. */
export interface RelayedAt {
  readonly local: Uint8Array
  readonly public: Uint8Array
}

/**
 * UDP ports from 1024 on that nobody's call needs: services that believe
 * anyone who can reach them, and above all what comes from this machine itself.
 * Overlay networks, gossip of clusters, telemetry, caches, routers' and
 * telephone exchanges' control. See docs/decisions/0026-media-server-beside-us.md.
 */
export const SENSITIVE_PORTS: ReadonlySet<number> = new Set([
  // Databases, caches, files.
  1434, 2049, 11211,
  // RADIUS, and tunnels.
  1645, 1646, 1812, 1813, 3799, 1701, 2123, 2152, 3386, 4789, 4790, 5246, 5247, 6081, 8472,
  // Routers, and discovery of services.
  1900, 1985, 3222, 3702, 3784, 3785, 4784, 5350, 5351, 5353, 5355, 5683, 5684, 10001,
  // Telephone exchanges and the control of media relays.
  1718, 1719, 2223, 2427, 2727, 5060, 5061, 5080, 7722, 22222,
  // Clusters.
  4567, 4648, 5405, 5406, 5407, 7946, 8301, 8302, 8600,
  // Telemetry and logs.
  1514, 2055, 4739, 5140, 6343, 6831, 6832, 8125, 8126, 9995, 9996, 10514, 12201, 24224, 25826,
])

/** Whether a port is in the list; where there is none, from 1024 on and not one of `SENSITIVE_PORTS`. */
export function opensPort(ports: readonly Ports[] | undefined): (port: number) => boolean {
  if (ports) return port => ports.some(({ from, to }) => from <= port && port <= to)
  return port => port >= 1024 && !SENSITIVE_PORTS.has(port)
}

/**
 * The names of programs on this machine. Clients know them by the public side
 * of a relay address, and relay sockets reach them by the local one: behind
 * 1:1 NAT no router need send it back.
 */
export interface HostNames {
  /** Where to send what is for a peer at a public relay address; undefined where it is where it says. */
  wire(peer: Address): Address | undefined
  /** How a client knows what comes from a local relay address. */
  peer(from: Address): Address | undefined
  isRelayed(ip: Uint8Array): boolean
  /**
   * What of the peer policy would open a port of this machine; undefined where
   * none should, or it is another machine.
   */
  keyFor(peer: Address): HostKey | undefined
}

/** `isOwn` and `endpoints` as in `PeerPolicy`. */
export function hostNames(
  relays: readonly RelayedAt[],
  isOwn: (ip: Uint8Array, port: number) => boolean,
  endpoints: readonly Address[],
): HostNames {
  const served = new Set(endpoints.map(({ port }) => port))
  const byPublic = new Map(relays.map(relay => [ipKey(relay.public), relay]))
  const mapped = relays.filter(relay => ipKey(relay.local) !== ipKey(relay.public))
  const toLocal = new Map(mapped.map(relay => [ipKey(relay.public), relay.local]))
  const toPublic = new Map(mapped.map(relay => [ipKey(relay.local), relay.public]))
  const other = (by: ReadonlyMap<number | string, Uint8Array>, { ip, port }: Address) => {
    if (by.size === 0) return undefined
    const found = by.get(ipKey(ip))
    return found && address(found, port)
  }
  return {
    wire: peer => other(toLocal, peer),
    peer: from => other(toPublic, from),
    isRelayed: ip => byPublic.has(ipKey(ip)),
    keyFor: ({ ip, port }) => {
      if (served.has(port)) return undefined
      if (byPublic.has(ipKey(ip))) return port === 0 ? undefined : 'sameHost'
      return isOwn(ip, port) ? 'allow' : undefined
    },
  }
}
