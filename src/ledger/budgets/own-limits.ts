import { failed, type Result, succeeded } from '../../base/result.ts'
import { type Owner, ownerKey } from '../../core/event.ts'
import { KeptFile } from '../../system/kept-file.ts'
import { readOwn } from '../../system/own-file.ts'

/** Limits of the users of one homeserver, and of all; homeservers make names as they like. */
const MOST_OF_HOMESERVER = 10_000
const MOST = 50_000
/** Owners whose limit, or that they have none, is known without a look at their pseudonyms. */
const MOST_KNOWN = 100_000

/** A limit as the file has it. */
interface KeptLimit {
  readonly homeserver: string
  readonly user: string
  readonly month: number
}

export interface OwnLimitsParts {
  readonly file: string
  /** All that a user has been called in the ledger, the newest last. */
  identitiesOf(user: string): readonly string[]
  /** Told why limits cannot be read or kept. */
  failed(why: string): void
}

/**
 * Limits that people have set for themselves, in octets a month. They lie in the
 * state folder, under the pseudonyms of the ledger, and outlive the process.
 */
export class OwnLimits {
  readonly #parts: OwnLimitsParts
  readonly #kept: KeptFile
  /** By homeserver, and by how the ledger calls the user. */
  readonly #limits = new Map<string, Map<string, number>>()
  readonly #known = new Map<string, number | undefined>()
  #size = 0

  constructor(parts: OwnLimitsParts) {
    this.#parts = parts
    this.#kept = new KeptFile(parts.file, ({ message }) => parts.failed(message))
    for (const { homeserver, user, month } of this.#read()) this.#put(homeserver, user, month)
  }

  get size(): number {
    return this.#size
  }

  /** Octets a month; undefined where the user has set no limit. */
  of(owner: Owner): number | undefined {
    if (this.#size === 0 || owner.user === '') return undefined
    const key = ownerKey(owner)
    if (this.#known.has(key)) return this.#known.get(key)
    const limits = this.#limits.get(owner.tenant)
    const called = limits && this.#parts.identitiesOf(owner.user).find(name => limits.has(name))
    const limit = called === undefined ? undefined : limits!.get(called)
    if (this.#known.size >= MOST_KNOWN) this.#known.clear()
    this.#known.set(key, limit)
    return limit
  }

  /** Sets a limit, or lifts it with undefined. Fails where the table is full. */
  set({ tenant, user }: Owner, month: number | undefined): Result<void, 'full'> {
    const names = this.#parts.identitiesOf(user)
    const newest = names.at(-1)
    const limits = this.#limits.get(tenant)
    const isNew = !names.some(name => limits?.has(name))
    const isFull = this.#size >= MOST || (limits?.size ?? 0) >= MOST_OF_HOMESERVER
    if (newest === undefined || (month !== undefined && isNew && isFull)) return failed('full')
    for (const name of names) this.#drop(tenant, name)
    if (month !== undefined) this.#put(tenant, newest, month)
    this.#changed()
    return succeeded(undefined)
  }

  /** What a user has set, at each homeserver. */
  *ofUser(user: string): Generator<{ readonly homeserver: string; readonly month: number }> {
    const names = this.#parts.identitiesOf(user)
    for (const [homeserver, limits] of this.#limits)
      for (const name of names) {
        const month = limits.get(name)
        if (month !== undefined) yield { homeserver, month }
      }
  }

  /** Forgets a user's limits. */
  forget(user: string): void {
    const names = this.#parts.identitiesOf(user)
    for (const homeserver of [...this.#limits.keys()]) for (const name of names) this.#drop(homeserver, name)
    this.#changed()
  }

  /** Forgets all: nobody can be told any more whose they were. */
  clear(): void {
    this.#limits.clear()
    this.#size = 0
    this.#changed()
  }

  /** Resolves when everything is kept. */
  idle(): Promise<void> {
    return this.#kept.idle()
  }

  #put(homeserver: string, user: string, month: number): void {
    const limits = this.#limits.get(homeserver) ?? new Map<string, number>()
    this.#limits.set(homeserver, limits)
    if (!limits.has(user)) this.#size++
    limits.set(user, month)
  }

  #drop(homeserver: string, user: string): void {
    const limits = this.#limits.get(homeserver)
    if (!limits?.delete(user)) return
    this.#size--
    if (limits.size === 0) this.#limits.delete(homeserver)
  }

  #changed(): void {
    this.#known.clear()
    this.#kept.write(this.#written())
  }

  *#written(): Generator<string> {
    for (const [homeserver, limits] of this.#limits)
      for (const [user, month] of limits)
        yield `${JSON.stringify({ homeserver, user, month } satisfies KeptLimit)}\n`
  }

  #read(): KeptLimit[] {
    try {
      const own = readOwn(this.#parts.file)
      if (own.ok) return own.value.split('\n').flatMap(parse)
      this.#parts.failed(`${this.#parts.file} belongs to another user (${own.error})`)
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT') this.#parts.failed(message)
    }
    return []
  }
}

/** A limit of a line; nothing where it is none. */
function parse(line: string): KeptLimit[] {
  try {
    const { homeserver, user, month } = JSON.parse(line) as Partial<KeptLimit>
    const isLimit = typeof homeserver === 'string' && typeof user === 'string' && typeof month === 'number'
    return isLimit && month >= 0 ? [{ homeserver, user, month }] : []
  } catch {
    return []
  }
}
