import type { Words } from '../texts/words.ts'

/** An answer that was not the one that was asked for; status 0 where there was none at all. */
export class ApiFailure extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** Why a request failed, in the language of the page where its catalogue knows the status. */
export function failureText<K extends string>(error: unknown, { say, knows }: Words<K>): string {
  const key = error instanceof ApiFailure ? `error.${error.status}` : ''
  return knows(key) ? say(key) : (error as Error).message
}

/** A browser words its own failure as it likes; to us it is always that nobody answered, status 0. */
async function reach(response: Promise<Response>): Promise<Response> {
  try {
    return await response
  } catch (error) {
    throw new ApiFailure(0, (error as Error).message)
  }
}

/** Asks the relay's API, below the folder that the page is in. */
export class Api {
  readonly #token: string

  constructor(token: string) {
    this.#token = token
  }

  get<T>(path: string): Promise<T> {
    return this.#ask<T>('GET', path)
  }

  post<T>(path: string, body: unknown = {}): Promise<T> {
    return this.#ask<T>('POST', path, body)
  }

  /** A file, with the name that the relay gives it. */
  async download(path: string): Promise<{ readonly name: string; readonly blob: Blob }> {
    const response = await this.#fetch('GET', path)
    if (!response.ok) throw new ApiFailure(response.status, `${response.status} ${response.statusText}`)
    const disposition = response.headers.get('content-disposition') ?? ''
    const name = /filename="([\w.-]+)"/.exec(disposition)?.[1] ?? 'taciturn.csv'
    return { name, blob: await response.blob() }
  }

  #fetch(method: string, path: string, body?: unknown): Promise<Response> {
    return reach(
      fetch(new URL(`api/v1/${path}`, document.baseURI), {
        method,
        cache: 'no-store',
        headers: {
          ...(this.#token !== '' && { authorization: `Bearer ${this.#token}` }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
          // The access log tells what was done here from what other programs do with the same token.
          'x-taciturn-client': 'console',
          // The language of the page, which need not be the browser's.
          'accept-language': document.documentElement.lang || 'en',
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
    )
  }

  async #ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.#fetch(method, path, body)
    const text = await response.text()
    let value: unknown
    try {
      value = text === '' ? undefined : JSON.parse(text)
    } catch {
      throw new ApiFailure(response.status, `${response.status} ${response.statusText}`)
    }
    if (!response.ok) {
      const { error, hint } = (value ?? {}) as { error?: string; hint?: string }
      const said = [error ?? `${response.status} ${response.statusText}`, ...(hint ? [hint] : [])]
      throw new ApiFailure(response.status, said.join(' – '))
    }
    return value as T
  }
}
