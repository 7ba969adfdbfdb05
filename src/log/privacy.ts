import { type Address, formatAddress, formatIp } from '../base/address.ts'
import { Pseudonyms } from './pseudonyms.ts'

/** What the log may say about people: `log.privacy` of the configuration. */
export type PrivacyMode = 'pseudonym' | 'truncated' | 'full' | 'none'

/** Decides how users and their addresses appear in the log. `undefined` leaves the field out. */
export class Privacy {
  #mode: PrivacyMode
  readonly #pseudonyms: Pseudonyms

  constructor(mode: PrivacyMode, pseudonyms = new Pseudonyms()) {
    this.#mode = mode
    this.#pseudonyms = pseudonyms
  }

  configure(mode: PrivacyMode): void {
    this.#mode = mode
  }

  /** Writes the address of a client or a peer. The port is said in full mode only. */
  address(a: Address): string | undefined {
    switch (this.#mode) {
      case 'full':
        return formatAddress(a)
      case 'truncated':
        return network(a)
      case 'pseudonym':
        return this.#pseudonyms.of('address', formatIp(a.ip))
      case 'none':
        return undefined
    }
  }

  /** Writes what another program's log calls the same client, by which it could be found there: in full mode only. */
  reference(text: string | undefined): string | undefined {
    return this.#mode === 'full' ? text : undefined
  }

  /** Writes the user part of a name, e.g. `@alice:example.org`. The empty user of a bare expiry stays empty. */
  user(user: string): string | undefined {
    switch (this.#mode) {
      case 'full':
        return user
      case 'truncated':
        return withoutLocalpart(user)
      case 'pseudonym':
        return user === '' ? '' : this.#pseudonyms.of('user', user)
      case 'none':
        return undefined
    }
  }

  /** Writes a USERNAME as it was sent: the expiry in front is not secret, what follows it identifies a person. */
  username(username: string): string | undefined {
    if (this.#mode === 'full') return username
    const colon = username.indexOf(':')
    const timed = colon >= 0 && /^[0-9]{1,12}$/.test(username.slice(0, colon))
    return this.user(timed ? username.slice(colon + 1) : /^[0-9]{1,12}$/.test(username) ? '' : username)
  }
}

/** The /24 of an IPv4 address, the /48 of an IPv6 one. */
function network(a: Address): string {
  const octets = a.family === 4 ? 3 : 6
  const ip = new Uint8Array(a.ip.length)
  ip.set(a.ip.subarray(0, octets))
  return `${formatIp(ip)}/${octets * 8}`
}

/** `@…:example.org`: a Matrix ID without the person. Other names have no part that is safe to show. */
function withoutLocalpart(user: string): string {
  if (user === '') return ''
  const colon = user.indexOf(':')
  return user.startsWith('@') && colon > 0 ? `@…${user.slice(colon)}` : '…'
}
