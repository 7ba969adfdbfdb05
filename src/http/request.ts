import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { formatIp } from '../base/address.ts'
import { contains, type Range } from '../base/range.ts'
import { failed, type Result, succeeded } from '../base/result.ts'
import { clientAddress } from './client-address.ts'

/** Why a body could not be read: more octets than are taken, or not sent to its end. */
export type BodyFault = 'too-large' | 'aborted'

/** A request as handlers see it. */
export class HttpRequest {
  readonly method: string
  /** Without the query, percent-encoding as it was sent. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  readonly #message: IncomingMessage
  #isRead = false

  private constructor(message: IncomingMessage, url: URL) {
    this.#message = message
    this.method = message.method ?? 'GET'
    this.path = url.pathname
    this.query = url.searchParams
    this.headers = message.headers
  }

  /** Undefined when the request line has no path. */
  static of(message: IncomingMessage): HttpRequest | undefined {
    const { url = '' } = message
    const isPath = url.startsWith('/') && !url.startsWith('//') && URL.canParse(url, 'http://localhost')
    return isPath ? new HttpRequest(message, new URL(url, 'http://localhost')) : undefined
  }

  /** True where a body was sent that nobody has read to its end. */
  get hasUnreadBody(): boolean {
    return !this.#isRead && hasBody(this.#message)
  }

  /** The address of the caller; proxies in `trusted` are believed in X-Forwarded-For. */
  clientIp(trusted: readonly Range[]): Uint8Array | undefined {
    const forwarded = this.headers['x-forwarded-for']
    const joined = Array.isArray(forwarded) ? forwarded.join(',') : forwarded
    return clientAddress(this.#message.socket.remoteAddress, joined, trusted)
  }

  /** The same as text; empty where there is none, as on a Unix socket. */
  client(trusted: readonly Range[]): string {
    const ip = this.clientIp(trusted)
    return ip ? formatIp(ip) : ''
  }

  /** True where one of the proxies in `trusted` sent it. */
  isProxied(trusted: readonly Range[]): boolean {
    const peer = clientAddress(this.#message.socket.remoteAddress, undefined, [])
    return peer !== undefined && trusted.some(range => contains(range, peer))
  }

  /** Reads at most `most` octets of body; more are not read to their end. */
  body(most: number): Promise<Result<Buffer, BodyFault>> {
    const message = this.#message
    return new Promise(resolve => {
      if (Number(this.headers['content-length'] ?? 0) > most) return resolve(failed('too-large'))
      const chunks: Buffer[] = []
      let length = 0
      message.on('data', (chunk: Buffer) => {
        length += chunk.length
        if (length <= most) return void chunks.push(chunk)
        message.pause()
        resolve(failed('too-large'))
      })
      message.on('end', () => {
        this.#isRead = true
        resolve(succeeded(Buffer.concat(chunks)))
      })
      message.on('close', () => resolve(failed('aborted')))
      message.on('error', () => resolve(failed('aborted')))
    })
  }
}

/** True where the headers announce a body. */
export function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers['content-length']
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
}
