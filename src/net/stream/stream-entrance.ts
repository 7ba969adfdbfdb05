import type { Socket } from 'node:net'
import { type Address, address, parseIp } from '../../base/address.ts'
import { Counter, type Counters } from '../../base/counters.ts'
import { descriptors } from '../../system/descriptors.ts'
import { DEAR, inSlices } from '../../system/slices.ts'
import type { StreamConnection } from './connection.ts'
import type { StreamConnections } from './stream-connections.ts'
import type { StreamPort } from './stream-listeners.ts'
import { PROXY_SOURCE, type UnservedReport } from './unserved.ts'

/** Who is let in: by address, by what a proxy says of its client, and as long as there is room. */
export class StreamEntrance {
  readonly #connections: StreamConnections
  readonly #counters: Counters
  readonly #report: UnservedReport
  #serves: ((ip: Uint8Array) => boolean) | undefined
  #isProxy: (ip: Uint8Array) => boolean = () => false

  constructor(connections: StreamConnections, counters: Counters, report: UnservedReport) {
    this.#connections = connections
    this.#counters = counters
    this.#report = report
  }

  /** Takes PROXY headers from these addresses only. */
  setProxies(isProxy: (ip: Uint8Array) => boolean): void {
    this.#isProxy = isProxy
  }

  /** Takes no connection from addresses that are not served, and ends those there are. */
  keepOut(serves: ((ip: Uint8Array) => boolean) | undefined): void {
    this.#serves = serves
    if (serves) void this.#endUnserved(serves)
  }

  /** In slices; who connects meanwhile is judged by then. */
  #endUnserved(serves: (ip: Uint8Array) => boolean): Promise<void> {
    const judge = (connection: StreamConnection) => {
      if (!serves(connection.remote.ip)) connection.destroy()
    }
    return inSlices(this.#connections, judge, DEAR)
  }

  /** Counts what was accepted at a port, and says where it comes from; undefined where it is not let in. */
  admit(raw: Socket, port: StreamPort): Address | undefined {
    const ip = parseIp(raw.remoteAddress ?? '')
    if (!ip || raw.remotePort === undefined) return undefined
    const remote = address(ip, raw.remotePort)
    if (port.proxy && !this.#isProxy(ip)) {
      this.#report.report(remote, PROXY_SOURCE)
      return undefined
    }
    if (!port.proxy && !this.#isServed(ip)) return undefined
    if (!descriptors.takeOne() || !this.#connections.enter(remote)) {
      this.#counters.add(Counter.streamRefused)
      return undefined
    }
    this.#counters.add(Counter.streamOpened)
    return remote
  }

  /**
   * Counts a connection for the client that its proxy has named, or as the proxy's own; false where it is not let in.
   * A proxy's own connections, such as health checks, are served whatever is said of clients.
   */
  admitAnnounced(connection: StreamConnection, client: Address | undefined): boolean {
    this.#counters.add(client ? Counter.proxied : Counter.proxyOwn)
    if (!client) return true
    if (!this.#isServed(client.ip)) return false
    if (this.#connections.announce(connection, client)) return true
    this.#counters.add(Counter.streamRefused)
    return false
  }

  #isServed(ip: Uint8Array): boolean {
    if (this.#serves?.(ip) !== false) return true
    this.#counters.add(Counter.dropClient)
    return false
  }
}
