import type { KeyObject } from 'node:crypto'
import { type Exchanged, type exchange, type Header, jsonObject } from '../http/exchange.ts'
import { sayRunning } from '../texts/running.ts'
import { AcmeError, problemOf, whyRefusedBy } from './fault.ts'
import { signRequest } from './jws.ts'

/** What an authority has answered. */
export interface Answer {
  readonly header: Header
  readonly body: string
  /** The body, where it is a JSON object; else empty. */
  readonly value: Readonly<Record<string, unknown>>
}

export interface CertificateAuthorityParts {
  /** The URL of its directory (RFC 8555 §7.1.1). */
  readonly directory: string
  /** The key of the account. */
  readonly key: KeyObject
  readonly exchange: typeof exchange
}

/** Milliseconds for one request. */
const DEADLINE = 30_000
/** How often a request is tried whose nonce the authority no longer wants. */
const NONCES = 6

/** A certificate authority: sends it requests as RFC 8555 §6 wants them, one after the other. */
export class CertificateAuthority {
  readonly #parts: CertificateAuthorityParts
  #directory: Readonly<Record<string, unknown>> | undefined
  #account: string | undefined
  #nonce: string | undefined

  constructor(parts: CertificateAuthorityParts) {
    this.#parts = parts
  }

  /** Its name, for people. */
  get name(): string {
    return new URL(this.#parts.directory).host
  }

  /** Finds the account of our key, or makes it; making it agrees to the terms of the authority. */
  async enter(email: string | undefined): Promise<void> {
    const contact = email === undefined ? {} : { contact: [`mailto:${email}`] }
    const { header } = await this.post(await this.#url('newAccount'), {
      termsOfServiceAgreed: true,
      ...contact,
    })
    this.#account = header('location')
    if (this.#account === undefined) throw this.strange('no account')
  }

  /** Begins an order for a certificate. */
  async newOrder(names: readonly string[]): Promise<Answer> {
    const identifiers = names.map(value => ({ type: 'dns', value }))
    return this.post(await this.#url('newOrder'), { identifiers })
  }

  /** Reads what is at a URL that the authority gave. */
  read(url: string): Promise<Answer> {
    return this.post(url)
  }

  /** Sends a signed request. Throws an `AcmeError` that says why it is refused. */
  async post(url: string, payload?: Readonly<Record<string, unknown>>): Promise<Answer> {
    for (let left = NONCES; ; left--) {
      const nonce = await this.#takeNonce()
      const body = signRequest(this.#parts.key, { nonce, url, account: this.#account }, payload)
      const answer = await this.#send(url, body)
      if (answer.status < 300) return answer
      const problem = problemOf(answer.value)
      if (problem.type === 'badNonce' && left > 1) continue
      const patience = Number(answer.header('retry-after') ?? 0)
      throw new AcmeError(
        whyRefusedBy(problem, this.name, answer.status),
        Number.isFinite(patience) ? patience : 0,
      )
    }
  }

  /** What it said cannot be understood. */
  strange(detail: string): AcmeError {
    return new AcmeError({ key: 'acme.strange', values: { authority: this.name, detail } })
  }

  async #url(name: 'newNonce' | 'newAccount' | 'newOrder'): Promise<string> {
    this.#directory ??= (await this.#send(this.#parts.directory)).value
    const url = this.#directory[name]
    if (typeof url !== 'string' || !URL.canParse(url)) throw this.strange(`no ${name}`)
    return url
  }

  async #takeNonce(): Promise<string> {
    const kept = this.#nonce
    this.#nonce = undefined
    if (kept !== undefined) return kept
    await this.#send(await this.#url('newNonce'))
    const fresh: string | undefined = this.#nonce
    if (fresh === undefined) throw this.strange('no nonce')
    this.#nonce = undefined
    return fresh
  }

  async #send(at: string, body?: string): Promise<Answer & { readonly status: number }> {
    const url = URL.canParse(at) ? new URL(at) : undefined
    // Account, names and certificate are nobody else's to read or to change.
    if (url?.protocol !== 'https:') throw this.strange('a URL without https')
    const answer: Exchanged = await this.#parts.exchange({
      url,
      deadline: DEADLINE,
      headers: { accept: '*/*', ...(body !== undefined && { 'content-type': 'application/jose+json' }) },
      ...(body !== undefined && { method: 'POST', body }),
    })
    if (answer.kind === 'failed') {
      throw new AcmeError({
        key: 'acme.unreached',
        values: { authority: this.name, why: sayRunning(answer.why, 'en') },
      })
    }
    this.#nonce = answer.header('replay-nonce') ?? this.#nonce
    const { status, header, body: text } = answer
    return { status, header, body: text, value: jsonObject(text) ?? {} }
  }
}
