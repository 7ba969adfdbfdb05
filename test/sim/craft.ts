import type { Random } from '../../src/base/time.ts'
import type { TurnClient } from '../../src/client/turn-client.ts'
import {
  type Attribute,
  NONCE,
  PASSWORD_ALGORITHM,
  PASSWORD_ALGORITHMS,
  REALM,
  USERHASH,
  USERNAME,
} from '../../src/wire/attributes.ts'
import { longTermKey, PasswordAlgorithm } from '../../src/wire/integrity.ts'
import { type Class, get, type Message, MessageWriter, Method } from '../../src/wire/message.ts'
import { REALM as OUR_REALM } from './places.ts'

/** Who sends what is made by hand. */
export interface CraftingClient {
  readonly user: string
  readonly password: string
  readonly turn: Pick<TurnClient, 'realm' | 'nonce'>
  readonly random: Random
  exchange(bytes: Buffer): Message | undefined
}

export interface Offer {
  readonly algorithm: number
  readonly parameters: Buffer
}

/** How a message made by hand differs from what a well-behaved RFC 5389 client sends. `null` leaves out. */
export interface Craft {
  readonly class?: Class
  readonly fields?: (writer: MessageWriter) => void
  /** Types and values of attributes that stand behind the integrity. */
  readonly after?: readonly (readonly [type: number, value: Buffer])[]
  /** Requests are signed with `sha1` unless said otherwise; indications and Binding are not. */
  readonly sign?: 'none' | 'sha1' | 'sha256' | 'both'
  readonly username?: string | null
  readonly userhash?: Buffer
  readonly password?: string
  readonly realm?: string | null
  readonly nonce?: string | null
  readonly key?: Buffer
  /** PASSWORD-ALGORITHMS and PASSWORD-ALGORITHM; the second also decides how the key is derived. */
  readonly offers?: readonly Offer[]
  readonly chosen?: Offer
  readonly transaction?: Buffer
  readonly fingerprint?: boolean
}

export const MD5: Offer = { algorithm: PasswordAlgorithm.MD5, parameters: Buffer.alloc(0) }
export const SHA256: Offer = { algorithm: PasswordAlgorithm.SHA256, parameters: Buffer.alloc(0) }
/** What the server offers, in its order. */
export const OFFERED: readonly Offer[] = [SHA256, MD5]

export function craft(client: CraftingClient, method: number, what: Craft): Buffer {
  const klass = what.class ?? 'request'
  const writer = new MessageWriter(klass, method, what.transaction ?? transactionOf(client))
  what.fields?.(writer)
  const sign = what.sign ?? (klass === 'request' && method !== Method.Binding ? 'sha1' : 'none')
  if (sign !== 'none') {
    const username = what.username === undefined ? client.user : what.username
    const realm = what.realm === undefined ? (client.turn.realm ?? OUR_REALM) : what.realm
    const nonce = what.nonce === undefined ? client.turn.nonce || challenge(client).nonce : what.nonce
    if (what.userhash) writer.set(USERHASH, what.userhash)
    else if (username !== null) writer.set(USERNAME, username)
    if (realm !== null) writer.set(REALM, realm)
    if (nonce !== null) writer.set(NONCE, nonce)
    if (what.offers) writer.set(PASSWORD_ALGORITHMS, [...what.offers])
    if (what.chosen) writer.set(PASSWORD_ALGORITHM, what.chosen)
    const algorithm = what.chosen?.algorithm ?? PasswordAlgorithm.MD5
    const key =
      what.key ??
      longTermKey(username ?? client.user, realm ?? OUR_REALM, what.password ?? client.password, algorithm)
    if (sign === 'both') writer.sign('sha1', key).sign('sha256', key)
    else writer.sign(sign, key)
  }
  if (what.fingerprint) writer.fingerprint()
  return append(writer.finish(), what.after ?? [])
}

/** Appends attributes to a finished message, which no honest writer does. */
export function append(
  message: Buffer,
  attributes: readonly (readonly [type: number, value: Buffer])[],
): Buffer {
  const parts = [message]
  for (const [type, value] of attributes) {
    const header = Buffer.alloc(4)
    header.writeUInt16BE(type, 0)
    header.writeUInt16BE(value.length, 2)
    parts.push(header, value, Buffer.alloc(-value.length & 3))
  }
  const longer = Buffer.concat(parts)
  longer.writeUInt16BE(longer.length - 20, 2)
  return longer
}

/** What the server says to a request without credentials. */
export function challenge(client: CraftingClient): { realm: string; nonce: string; message: Message } {
  const message = client.exchange(craft(client, Method.Allocate, { sign: 'none' }))
  const realm = message && get(message, REALM)
  const nonce = message && get(message, NONCE)
  if (!message || realm === undefined || nonce === undefined) throw new Error('no challenge')
  return { realm, nonce, message }
}

/** An attribute of any type with any octets in it. */
export function rawAttribute(type: number): Attribute<Buffer> {
  return {
    type,
    name: `0x${type.toString(16)}`,
    valid: () => true,
    read: value => value,
    write: value => value,
  }
}

export function transactionOf(client: CraftingClient): Buffer {
  const transaction = Buffer.alloc(12)
  client.random(transaction)
  return transaction
}
