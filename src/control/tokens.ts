import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { BoundedMap } from '../limits/bounded-map.ts'
import type { Rights, Visitor } from './visitor.ts'

/** A token that stands in the configuration. */
export interface NamedToken {
  readonly name: string
  readonly rights: Rights
  readonly token: string
}

/** Links and sign-ins that are good at a time; the oldest go first. */
const MOST_LINKS = 64
/** Sign-ins of one person, so that nobody ends those of others by signing in again and again. */
const MOST_SIGN_INS = 8

interface Entry {
  readonly hash: Buffer
  readonly visitor: Visitor
  /** Of those that are made while the relay runs. */
  readonly made?: { readonly by: 'link' | 'oidc'; readonly at: number; readonly subject: string | undefined }
}

/** Somebody who is let in for a while, by a link or by signing in. */
export interface SignIn {
  readonly id: string
  readonly who: string
  readonly by: 'link' | 'oidc'
  readonly rights: Rights
  /** Milliseconds since the epoch. */
  readonly made: number
  readonly expires: number
}

/**
 * Who has access over HTTP. Tokens are kept as hashes and compared as hashes,
 * all of them whichever it is, so that the time it takes tells nothing.
 */
export class Tokens {
  readonly #now: () => number
  readonly #date: () => number
  #named: readonly Entry[] = []
  /** By the id of the sign-in. */
  readonly #links = new BoundedMap<string, Entry>(MOST_LINKS)

  /** `now`: milliseconds of a clock that nobody sets, for how long a link is good; `date`: the same by the calendar. */
  constructor(now: () => number = () => performance.now(), date: () => number = Date.now) {
    this.#now = now
    this.#date = date
  }

  configure(tokens: readonly NamedToken[]): void {
    this.#named = tokens.map(({ name, rights, token }) => ({
      hash: digest(token),
      visitor: { who: name, from: 'http', rights },
    }))
  }

  /** Makes a token for a link. It lives in memory only, and not longer than `seconds`. */
  link(rights: Rights, seconds: number): { readonly token: string; readonly expires: number } {
    return this.#make('link', undefined, rights, seconds)
  }

  /**
   * The same for somebody whom a provider has named. Above a few, their own
   * oldest sign-in ends; `subject` tells people apart, whatever they call themselves.
   */
  signIn(
    who: string,
    rights: Rights,
    seconds: number,
    subject = who,
  ): { readonly token: string; readonly expires: number } {
    const own = [...this.#links.entries(this.#now())].filter(([, { made }]) => made?.subject === subject)
    for (const [id] of own.slice(0, Math.max(0, own.length - MOST_SIGN_INS + 1))) this.revoke(id)
    return this.#make('oidc', who, rights, seconds, subject)
  }

  /** Links and sign-ins that are good, the newest last. */
  signIns(): SignIn[] {
    const now = this.#now()
    const date = this.#date()
    const signIns = [...this.#links.entries(now)].map(([id, entry, until]) => ({
      id,
      ...entry,
      expires: Math.round(date + until - now),
    }))
    return signIns.flatMap(({ id, visitor, made, expires }) =>
      made ? [{ id, who: visitor.who, by: made.by, rights: visitor.rights, made: made.at, expires }] : [],
    )
  }

  /** Ends a link or a sign-in at once; false when there is none of this id. */
  revoke(id: string): boolean {
    return this.#links.delete(id)
  }

  /** Ends all that came by the provider, whose rules have changed. */
  revokeSignIns(): void {
    for (const { id, by } of this.signIns()) if (by === 'oidc') this.revoke(id)
  }

  find(token: string): Visitor | undefined {
    return this.#find(digest(token))
  }

  /** A look-up that can be made again later, when the token may have ended. */
  remember(token: string): () => Visitor | undefined {
    const hash = digest(token)
    return () => this.#find(hash)
  }

  #make(
    by: 'link' | 'oidc',
    name: string | undefined,
    rights: Rights,
    seconds: number,
    subject?: string,
  ): { readonly token: string; readonly expires: number } {
    const token = randomBytes(24).toString('base64url')
    const hash = digest(token)
    const id = hash.toString('hex', 0, 8)
    const who = name ?? `link-${id.slice(0, 8)}`
    const now = this.#now()
    const at = this.#date()
    this.#links.forget(now)
    const visitor: Visitor = { who, from: 'console', rights, signIn: id }
    this.#links.set(id, { hash, visitor, made: { by, at, subject } }, now + seconds * 1000)
    return { token, expires: at + seconds * 1000 }
  }

  #find(hash: Buffer): Visitor | undefined {
    let found: Visitor | undefined
    for (const entry of this.#named) if (timingSafeEqual(entry.hash, hash)) found = entry.visitor
    for (const [, entry] of this.#links.entries(this.#now())) {
      if (timingSafeEqual(entry.hash, hash)) found = entry.visitor
    }
    return found
  }
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
