import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
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
  /** Milliseconds since the epoch; infinite for tokens of the configuration. */
  readonly expires: number
}

/**
 * Who has access over HTTP. Tokens are kept as hashes and compared as hashes,
 * all of them whichever it is, so that the time it takes tells nothing.
 */
export class Tokens {
  readonly #now: () => number
  #named: readonly Entry[] = []
  #links: Entry[] = []

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  configure(tokens: readonly NamedToken[]): void {
    this.#named = tokens.map(({ name, rights, token }) => ({
      hash: digest(token),
      visitor: { who: name, from: 'http', rights },
      expires: Number.POSITIVE_INFINITY,
    }))
  }

  /** Makes a token for a link. It lives in memory only, and not longer than `seconds`. */
  link(rights: Rights, seconds: number): { readonly token: string; readonly expires: number } {
    const token = randomBytes(24).toString('base64url')
    const hash = digest(token)
    const who = `link-${hash.toString('hex', 0, 4)}`
    const expires = this.#now() + seconds * 1000
    this.#sweep()
    this.#links.push({ hash, visitor: { who, from: 'console', rights }, expires })
    if (this.#links.length > MOST_LINKS) this.#links.shift()
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
    this.#sweep()
    let found: Visitor | undefined
    for (const entry of [...this.#named, ...this.#links]) {
      if (timingSafeEqual(entry.hash, hash)) found = entry.visitor
    }
    return found
  }

  #sweep(): void {
    const now = this.#now()
    if (this.#links.some(link => link.expires <= now)) {
      this.#links = this.#links.filter(link => link.expires > now)
    }
  }
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
