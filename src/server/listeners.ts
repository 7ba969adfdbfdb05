import { type Address, formatAddress } from '../base/address.ts'
import type { Listener } from '../config/settings.ts'
import { expandWildcards } from '../net/relay-addresses.ts'
import { cannotListen, StartError } from './start-error.ts'

/** Binds a listener; answers once, with the address it got. */
export type Listen = (
  listener: Listener,
  done: (error: NodeJS.ErrnoException | null, local?: Address) => void,
) => void

/**
 * The sockets that clients talk to. A UDP wildcard is bound address by address,
 * so that an answer leaves from where the question came to; addresses that the
 * machine gets later are added when they are seen.
 */
export class Listeners {
  readonly #wanted: readonly Listener[]
  readonly #listen: Listen
  /** True where nobody chose the listeners: a family the machine lacks is left out. */
  readonly #lenient: boolean
  readonly #bound = new Map<string, string>()

  constructor(wanted: readonly Listener[], listen: Listen, lenient: boolean) {
    this.#wanted = wanted
    this.#listen = listen
    this.#lenient = lenient
  }

  /** `udp://203.0.113.7:3478` and so on, as bound. */
  get bound(): string[] {
    return [...this.#bound.values()]
  }

  /** Binds all of them; throws a `StartError` for the first that cannot be bound. What was bound until then is the caller's to close. */
  async open(own: readonly Uint8Array[]): Promise<void> {
    for (const listener of this.#wanted) {
      const addresses = spelledOut(listener, own)
      let last: NodeJS.ErrnoException | undefined
      let count = 0
      for (const address of addresses) {
        const error = await this.#bind({ transport: listener.transport, address })
        if (!error) count++
        else if (error.code === 'EADDRNOTAVAIL' && isWildcard(listener.address)) last = error
        else if (this.#lenient && isFamilyMissing(error)) last = error
        else throw cannotListen({ transport: listener.transport, address }, error)
      }
      if (count > 0 || (this.#lenient && listener.address.family === 6)) continue
      if (last) throw cannotListen(listener, last)
      throw new StartError(
        `cannot listen on ${name(listener)}: this machine has no IPv${listener.address.family} address`,
      )
    }
    if (this.#bound.size === 0) throw new StartError('this machine has no address to listen on')
  }

  /** Binds addresses that the machine has got since; tells `added` of each. */
  rescan(own: readonly Uint8Array[], added: (at: string) => void): void {
    for (const listener of this.#wanted) {
      if (listener.transport !== 'udp' || !isWildcard(listener.address)) continue
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
    const { transport } = listener
    return new Promise(resolve => {
      this.#listen(listener, (error, local) => {
        if (!error && local) this.#bound.set(name(listener), name({ transport, address: local }))
        resolve(error ?? undefined)
      })
    })
  }
}

/** Where clients can reach these listeners: wildcards as all addresses of their family. */
export function endpointsOf(listen: readonly Listener[], own: readonly Uint8Array[]): Address[] {
  return expandWildcards(
    listen.map(listener => listener.address),
    own,
  )
}

function spelledOut(listener: Listener, own: readonly Uint8Array[]): Address[] {
  return listener.transport === 'udp' ? expandWildcards([listener.address], own) : [listener.address]
}

function isWildcard(address: Address): boolean {
  return address.ip.every(octet => octet === 0)
}

function isFamilyMissing(error: NodeJS.ErrnoException): boolean {
  return error.code === 'EAFNOSUPPORT' || error.code === 'EADDRNOTAVAIL'
}

function name({ transport, address }: Listener): string {
  return `${transport}://${formatAddress(address)}`
}
