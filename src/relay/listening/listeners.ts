import { type Address, formatAddress, sameAddress } from '../../base/address.ts'
import type { Listener } from '../../config/values/listener.ts'
import { releaseSocket } from '../../net/ports/parked-port.ts'
import { expandWildcards } from '../../net/ports/relay-addresses.ts'
import type { InheritedSocket } from '../../system/inherited-sockets.ts'
import type { RunningText } from '../../texts/running.ts'
import type { HandOver } from '../hand-over/hand-over.ts'
import { cannotListen, StartError } from '../start-error.ts'

/** Binds a listener, or adopts one that is bound already; answers once, with the address it got. */
export type ListenerPlan = (
  listener: Listener,
  done: (error: NodeJS.ErrnoException | null, local?: Address) => void,
  bound?: Pick<InheritedSocket, 'fd' | 'socket' | 'group'>,
) => void

/**
 * The sockets that clients talk to. A UDP wildcard is bound address by address,
 * so that an answer leaves from where the question came to; addresses that the
 * machine gets later are added when they are seen. What the service manager has
 * bound for us is taken as it is.
 */
export class Listeners {
  readonly #wanted: readonly Listener[]
  readonly #listen: ListenerPlan
  /** True where nobody chose the listeners: a family the machine lacks is left out. */
  readonly #lenient: boolean
  #inherited: readonly InheritedSocket[]
  readonly #bound = new Map<string, Listener>()
  readonly #warnings: RunningText[] = []

  constructor(
    wanted: readonly Listener[],
    listen: ListenerPlan,
    lenient: boolean,
    inherited: readonly InheritedSocket[] = [],
  ) {
    this.#wanted = wanted
    this.#listen = listen
    this.#lenient = lenient
    this.#inherited = inherited
  }

  /** `udp://203.0.113.7:3478` and so on, as bound. */
  get bound(): string[] {
    return this.addresses.map(name)
  }

  /** The same, not written out. */
  get addresses(): readonly Listener[] {
    return [...this.#bound.values()]
  }

  /** Sentences for the operator, once they are open. */
  get warnings(): readonly RunningText[] {
    return this.#warnings
  }

  /**
   * Binds all of them; throws a `StartError` for the first that cannot be
   * bound. What was bound until then is the caller's to close.
   */
  async open(own: readonly Uint8Array[]): Promise<void> {
    this.#checkInherited(own)
    for (const listener of this.#wanted) {
      const addresses = this.#spelledOut(listener, own)
      let last: NodeJS.ErrnoException | undefined
      let count = 0
      for (const address of addresses) {
        const isOpen = this.#bound.has(name({ ...listener, address }))
        const error = isOpen ? undefined : await this.#bind({ ...listener, address })
        if (!error) count++
        else if (error.code === 'EADDRNOTAVAIL' && isWildcard(listener.address)) last = error
        else if (this.#lenient && isFamilyMissing(error)) last = error
        else throw cannotListen({ transport: listener.transport, address }, error)
      }
      if (count > 0 || (this.#lenient && listener.address.family === 6)) continue
      if (last) throw cannotListen(listener, last)
      const { family } = listener.address
      throw new StartError({ key: 'start.familyMissing', values: { at: name(listener), family } })
    }
    if (this.#bound.size === 0) throw new StartError({ key: 'start.nowhere' })
  }

  /** Binds those that were adopted and that nothing is taken from while the relay is held: UDP. */
  async openAdopted(own: readonly Uint8Array[]): Promise<void> {
    for (const listener of this.#wanted.filter(({ transport }) => transport === 'udp')) {
      for (const address of this.#spelledOut(listener, own)) {
        const at = { ...listener, address }
        const error = this.#inheritedAt(at) && (await this.#bind(at))
        if (error) throw cannotListen({ transport: at.transport, address }, error)
      }
    }
  }

  /** Listens on these sockets, which another process has bound, where `open` wants them; closes the others. */
  adopt(sockets: readonly InheritedSocket[], own: readonly Uint8Array[]): void {
    const isWanted = (socket: InheritedSocket) => this.#isWanted(socket, own)
    for (const socket of sockets.filter(socket => !isWanted(socket)))
      for (const { fd } of socket.group ?? [socket]) releaseSocket(fd)
    this.#inherited = [...this.#inherited, ...sockets.filter(isWanted)]
  }

  /** Of what another process listens on, that over which clients may have calls and which is not wanted any more. */
  unwanted(theirs: readonly Listener[], own: readonly Uint8Array[]): Listener | undefined {
    return theirs.find(one => one.transport === 'udp' && !this.#isWanted(one, own))
  }

  /**
   * Binds, for `adopt`, what is wanted and is not among what another process
   * listens on. Throws a `StartError` where that is not possible; what depends on
   * the machine's addresses is left to `open`.
   */
  bindMissing(
    theirs: readonly Listener[],
    own: readonly Uint8Array[],
    bindUnread: HandOver['bindUnread'],
  ): InheritedSocket[] {
    const found: InheritedSocket[] = []
    for (const listener of this.#wanted) {
      for (const address of this.#spelledOut(listener, own)) {
        const at = { transport: listener.transport, address }
        if (this.#inheritedAt(at) || theirs.some(one => isFor(one, at))) continue
        const bound = bindUnread(at)
        if (bound.ok) found.push(unread(at, bound.value))
        else if (!isFamilyMissing(bound.error)) throw cannotListen(at, bound.error)
      }
    }
    return found
  }

  /** Binds addresses that the machine has got since; tells `added` of each. */
  rescan(own: readonly Uint8Array[], added: (at: string) => void): void {
    for (const listener of this.#wanted) {
      if (listener.transport !== 'udp' || !isWildcard(listener.address)) continue
      if (this.#inheritedAt(listener)) continue
      for (const address of spelledOut(listener, own)) {
        const at = name({ transport: 'udp', address })
        if (this.#bound.has(at)) continue
        void this.#bind({ transport: 'udp', address }).then(error => {
          if (!error) added(at)
        })
      }
    }
  }

  /** Resolves to the error, if there was one. */
  #bind(listener: Listener): Promise<NodeJS.ErrnoException | undefined> {
    return new Promise(resolve => {
      const done: Parameters<ListenerPlan>[1] = (error, local) => {
        if (!error && local) this.#bound.set(name(listener), { ...listener, address: local })
        resolve(error ?? undefined)
      }
      this.#listen(listener, done, this.#inheritedAt(listener))
    })
  }

  #inheritedAt(listener: Listener): InheritedSocket | undefined {
    return this.#inherited.find(socket => isFor(socket, listener))
  }

  /** A socket that nobody reads would swallow what clients send; so each must be somebody's. */
  #checkInherited(own: readonly Uint8Array[]): void {
    for (const socket of this.#inherited) {
      const { address, transport } = socket
      if (!this.#isWanted(socket, own)) {
        const values = { at: name(socket), name: socket.name }
        throw new StartError({ key: 'start.unwantedSocket', values })
      }
      const several = own.filter(ip => ip.length === address.ip.length && !isLoopback(ip)).length > 1
      if (transport === 'udp' && isWildcard(address) && several) {
        this.#warnings.push({ key: 'warn.oneSocket', values: { at: name(socket) } })
      }
    }
  }

  #isWanted(socket: Listener, own: readonly Uint8Array[]): boolean {
    return this.#wanted.some(
      listener =>
        isFor(socket, listener) ||
        spelledOut(listener, own).some(spelled => isFor(socket, { ...listener, address: spelled })),
    )
  }

  #spelledOut(listener: Listener, own: readonly Uint8Array[]): Address[] {
    return this.#inheritedAt(listener) ? [listener.address] : spelledOut(listener, own)
  }
}

function spelledOut(listener: Listener, own: readonly Uint8Array[]): Address[] {
  return listener.transport === 'udp' ? expandWildcards([listener.address], own) : [listener.address]
}

/** A TCP socket serves TLS as well: which of the two, the listener says. */
function isFor(socket: Listener, listener: Listener): boolean {
  return (
    (socket.transport === 'udp') === (listener.transport === 'udp') &&
    sameAddress(socket.address, listener.address)
  )
}

function unread(at: Listener, fds: readonly number[]): InheritedSocket {
  const [fd] = fds
  const group = fds.length > 1 ? { group: fds.map(fd => ({ fd })) } : {}
  return { fd: fd!, ...group, name: name(at), transport: kindOf(at), address: at.address }
}

function kindOf({ transport }: Listener): 'udp' | 'tcp' {
  return transport === 'udp' ? 'udp' : 'tcp'
}

function isLoopback(ip: Uint8Array): boolean {
  return ip.length === 4 ? ip[0] === 127 : ip.every((octet, i) => octet === (i === 15 ? 1 : 0))
}

function isWildcard(address: Address): boolean {
  return address.ip.every(octet => octet === 0)
}

function isFamilyMissing(error: NodeJS.ErrnoException): boolean {
  return error.code === 'EAFNOSUPPORT' || error.code === 'EADDRNOTAVAIL'
}

/** As the configuration has it. */
function name({ transport, address, proxy, web }: Listener): string {
  const options = [...(proxy ? ['proxy'] : []), ...(web ? ['web'] : [])].join('&')
  return `${transport}://${formatAddress(address)}${options && `?${options}`}`
}
