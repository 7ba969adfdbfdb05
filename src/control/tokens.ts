import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { BoundedMap } from '../limits/bounded-map.ts'
import type { Rights, Visitor } from './visitor.ts'

/** A token that stands in the configuration. */
export interface NamedToken {
  readonly name: string
  readonly rights: Rights
  readonly token: string
}

/** Links that are good at a time; the oldest go first. */
const MOST_LINKS = 64

interface Entry {
  readonly hash: Buffer
  readonly visitor: Visitor
}

/**
 * Who has access over HTTP. Tokens are kept as hashes and compared as hashes,
 * all of them whichever it is, so that the time it takes tells nothing.
 */
export class Tokens {
  readonly #now: () => number
  #named: readonly Entry[] = []
  /** By hash, in base64. */
  readonly #links = new BoundedMap<string, Entry>(MOST_LINKS)

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  configure(tokens: readonly NamedToken[]): void {
    this.#named = tokens.map(({ name, rights, token }) => ({
      hash: digest(token),
      visitor: { who: name, from: 'http', rights },
    }))
  }

  /** Makes a token for a link. It lives in memory only, and not longer than `seconds`. */
  link(rights: Rights, seconds: number): { readonly token: string; readonly expires: number } {
    const token = randomBytes(24).toString('base64url')
    const hash = digest(token)
    const who = `link-${hash.toString('hex', 0, 4)}`
    const expires = this.#now() + seconds * 1000
    this.#links.forget(this.#now())
    this.#links.set(hash.toString('base64'), { hash, visitor: { who, from: 'console', rights } }, expires)
    return { token, expires }
  }

  find(token: string): Visitor | undefined {
    return this.#find(digest(token))
  }

  /** A look-up that can be made again later, when the token may have ended. */
  remember(token: string): () => Visitor | undefined {
    const hash = digest(token)
    return () => this.#find(hash)
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
