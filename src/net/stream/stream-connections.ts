import type { Address } from '../../base/address.ts'
import { customerKey } from '../../limits/customer.ts'
import type { StreamConnection } from './connection.ts'
import type { Entered, Gathering } from './crowd.ts'
import { MADE_ROOM } from './unserved.ts'

/** The connections that are open, and those of them that make room for others. */
export class StreamConnections implements Iterable<StreamConnection> {
  readonly #crowd: Gathering
  readonly #all = new Set<StreamConnection>()
  /** By remote address: one, or one on each listener. */
  readonly #byRemote = new Map<Address['key'], Set<StreamConnection>>()
  /** Those without an allocation, the oldest first. */
  readonly #strangers = new Set<StreamConnection>()

  /** `crowd` counts them; other transports may count with it. */
  constructor(crowd: Gathering) {
    this.#crowd = crowd
  }

  get size(): number {
    return this.#all.size
  }

  [Symbol.iterator](): Iterator<StreamConnection> {
    return this.#all[Symbol.iterator]()
  }

  /** All from one address. */
  from(remote: Address): Iterable<StreamConnection> {
    return this.#byRemote.get(remote.key) ?? []
  }

  /** Those without an allocation, the oldest first. */
  get strangers(): Iterable<StreamConnection> {
    return this.#strangers
  }

  /** Counts one that another process has let in already; false where there would be no room, and it is not counted. */
  enterUnasked({ ip }: Address): boolean {
    return this.#crowd.enter(ip) === 'in'
  }

  /** Counts a newcomer, for whom the oldest connection without an allocation makes room if need be. */
  enter({ ip }: Address): boolean {
    const entered = this.#crowd.enter(ip)
    if (entered === 'in') return true
    const oldest = this.#oldestStranger(entered, ip)
    if (!oldest) return false
    oldest.blame(MADE_ROOM)
    oldest.raw.destroy()
    this.#leaveCrowd(oldest)
    return this.#crowd.enter(ip) === 'in'
  }

  /** Adds one that has entered; it has no allocation yet. */
  add(connection: StreamConnection): void {
    const { key } = connection.remote
    const known = this.#byRemote.get(key)
    if (known) known.add(connection)
    else this.#byRemote.set(key, new Set([connection]))
    this.#all.add(connection)
    this.setStranger(connection, true)
  }

  /** Says whether a connection is without an allocation, and so makes room for others. */
  setStranger(connection: StreamConnection, isStranger: boolean): void {
    if (!isStranger) this.#strangers.delete(connection)
    else if (connection.counted) this.#strangers.add(connection)
  }

  remove(connection: StreamConnection): void {
    this.#all.delete(connection)
    this.release(connection)
  }

  /** It is nobody's who has a share here any more, and still open. */
  release(connection: StreamConnection): void {
    const { key } = connection.remote
    const known = this.#byRemote.get(key)
    known?.delete(connection)
    if (known?.size === 0) this.#byRemote.delete(key)
    this.#leaveCrowd(connection)
  }

  /** Its proxy has named its client, in whose share it is counted from now on; false where there is no room. */
  announce(connection: StreamConnection, client: Address): boolean {
    this.release(connection)
    connection.announce(client)
    if (!this.enter(client)) return false
    connection.counted = true
    this.add(connection)
    return true
  }

  /** The oldest connection without an allocation, of those in whose share there is no room. */
  #oldestStranger(full: Entered, ip: Uint8Array): StreamConnection | undefined {
    const customer = customerKey(ip)
    const network = customerKey(ip, 'network')
    for (const stranger of this.#strangers) {
      if (full === 'customer-full' && stranger.customer !== customer) continue
      if (full === 'network-full' && stranger.network !== network) continue
      return stranger
    }
    return undefined
  }

  #leaveCrowd(connection: StreamConnection): void {
    this.#strangers.delete(connection)
    if (!connection.counted) return
    connection.counted = false
    this.#crowd.leave(connection.remote.ip)
  }
}
