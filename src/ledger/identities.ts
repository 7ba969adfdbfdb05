import { randomBytes } from 'node:crypto'
import { failed, type Result, succeeded } from '../base/result.ts'
import { writeKept } from '../system/kept-file.ts'
import { readOwn } from '../system/own-file.ts'
import { hmac } from '../wire/mac.ts'

/** Octets of a key. */
const KEY = 32
/** Hexadecimal digits of a pseudonym: 64 bits. */
const DIGITS = 16
const LIKE_PSEUDONYM = /^[0-9a-f]{16}$/

/** A key, and since when it is used. */
interface IdentityKey {
  readonly key: string
  readonly since: string
}

/**
 * How users are called in the ledger: by pseudonyms that only those can compute
 * who have the key. It lies in a file apart from the ledger, so that the ledger
 * can be copied, backed up and shown without saying who anybody is.
 */
export class Identities {
  readonly #file: string
  readonly #kind: 'pseudonym' | 'full' | 'none'
  /** The newest last; undefined until one is needed. */
  #keys: IdentityKey[] | undefined
  readonly #failed: (why: string) => void

  /** `failed` is told when there is no key to be had; then nobody is named. */
  constructor(file: string, kind: 'pseudonym' | 'full' | 'none', failed: (why: string) => void) {
    this.#file = file
    this.#kind = kind
    this.#failed = failed
  }

  /** How a user is called from now on. */
  of(user: string): string {
    if (this.#kind === 'full') return asText(user)
    if (this.#kind === 'none') return ''
    const newest = this.#known().at(-1)
    return newest ? pseudonym(newest, user) : ''
  }

  /**
   * All that a user has ever been called, as far as the keys are still there. A name that looks like a pseudonym
   * may be somebody else's, so it counts only where users appear under their names.
   */
  all(user: string): string[] {
    const name = asText(user)
    const isName = this.#kind === 'full' || !LIKE_PSEUDONYM.test(name)
    return [...(isName ? [name] : []), ...this.#known().map(key => pseudonym(key, user))]
  }

  /**
   * Makes a new key, by which users are called from now on. Old ones stay, so
   * that one can still ask for a person, unless `only`. The error says why it cannot be kept.
   */
  rotate(only: boolean): Result<number, string> {
    const keys = [...(only ? [] : this.#known()), freshKey()]
    try {
      writeKept(this.#file, written(keys))
    } catch (error) {
      return failed((error as Error).message)
    }
    this.#keys = keys
    return succeeded(keys.length)
  }

  #known(): IdentityKey[] {
    if (this.#keys) return this.#keys
    const read = readKeys(this.#file)
    if (read.ok && read.value.length > 0) return (this.#keys = read.value)
    if (!read.ok) this.#failed(read.error)
    else {
      const made = this.rotate(true)
      if (!made.ok) this.#failed(made.error)
    }
    return (this.#keys ??= [])
  }
}

/** A name that every database takes: one with a NUL would keep all that is written with it from PostgreSQL. */
function asText(user: string): string {
  return user.replaceAll('\0', '\ufffd')
}

function pseudonym({ key }: IdentityKey, user: string): string {
  return hmac('sha256', Buffer.from(key, 'hex'), Buffer.from(`user\0${user}`, 'utf8'), 'hex').slice(0, DIGITS)
}

function freshKey(): IdentityKey {
  return { key: randomBytes(KEY).toString('hex'), since: new Date().toISOString() }
}

function written(keys: readonly IdentityKey[]): string {
  return `${JSON.stringify({ keys }, undefined, 1)}\n`
}

/** None where there is no such file. A damaged file is an error, since a new key in its place would lose everybody. */
function readKeys(file: string): Result<IdentityKey[], string> {
  let text: string
  try {
    const own = readOwn(file)
    // By a key of somebody else's, that one could tell who anybody is.
    if (!own.ok) return failed(`${file} belongs to another user (${own.error})`)
    text = own.value
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return code === 'ENOENT' ? succeeded([]) : failed(message)
  }
  try {
    const { keys } = JSON.parse(text) as { keys: IdentityKey[] }
    if (keys.every(({ key }) => /^[0-9a-f]{64}$/.test(key))) return succeeded(keys)
  } catch {}
  return failed(`${file} is damaged`)
}
