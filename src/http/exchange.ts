import { type Agent, type IncomingMessage, request as plain, type RequestOptions } from 'node:http'
import { request as secure } from 'node:https'
import type { RunningText } from '../texts/running.ts'

/**
 * One HTTP request, a GET unless `method` says otherwise, that never follows a
 * redirect, never waits long and never reads much.
 */
export interface Exchange {
  readonly url: URL
  readonly method?: 'GET' | 'POST' | 'PUT'
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Where to connect instead of looking the host up: an address that was checked before. */
  readonly connect?: { readonly ip: string; readonly port: number }
  /** The DNS name that the certificate must have; absent: the host that is connected to. */
  readonly servername?: string
  readonly agent?: Agent
  /** Milliseconds for everything together. */
  readonly deadline: number
  /** Ends it early, too. */
  readonly signal?: AbortSignal
}

export type Exchanged =
  | { readonly kind: 'answer'; readonly status: number; readonly header: Header; readonly body: string }
  /** `unreached`: no HTTP answer came, so another address may do better. */
  | { readonly kind: 'failed'; readonly why: RunningText; readonly unreached: boolean }

/** The value of a header, by its name in lower case. */
export type Header = (name: string) => string | undefined

/** The longest body that is read, in octets. */
export const LONGEST_BODY = 64 * 1024

/** Sends a request and reads the answer. Never throws. */
export function exchange(asked: Exchange): Promise<Exchanged> {
  return new Promise(resolve => {
    let over = false
    const end = (result: Exchanged) => {
      if (over) return
      over = true
      clearTimeout(timer)
      asked.signal?.removeEventListener('abort', giveUp)
      // After a whole answer, the agent may use the connection again.
      if (result.kind === 'failed') request.destroy()
      resolve(result)
    }
    const fail = (why: RunningText, unreached: boolean) => end({ kind: 'failed', why, unreached })
    const giveUp = () => fail({ key: 'exchange.late' }, true)
    const request = (asked.url.protocol === 'https:' ? secure : plain)(options(asked), response => {
      collect(response, end, fail)
    })
    const timer = setTimeout(giveUp, asked.deadline)
    request.on('error', error => fail(reason(error), true))
    if (asked.signal?.aborted) return giveUp()
    asked.signal?.addEventListener('abort', giveUp)
    request.end(asked.body)
  })
}

function options(asked: Exchange): RequestOptions {
  const { url, method = 'GET', body, headers, connect, servername, agent } = asked
  return {
    method,
    host: connect?.ip ?? url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: connect?.port ?? (url.port || (url.protocol === 'https:' ? 443 : 80)),
    path: `${url.pathname}${url.search}`,
    agent: agent ?? false,
    maxHeaderSize: 16 * 1024,
    headers: {
      accept: 'application/json',
      'user-agent': 'taciturn',
      ...(body !== undefined && {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      }),
      ...headers,
    },
    ...(servername !== undefined && { servername }),
  }
}

function collect(
  response: IncomingMessage,
  end: (result: Exchanged) => void,
  fail: (why: RunningText, unreached: boolean) => void,
): void {
  const chunks: Buffer[] = []
  let length = 0
  response.on('data', (chunk: Buffer) => {
    length += chunk.length
    if (length > LONGEST_BODY) fail({ key: 'exchange.tooLarge' }, false)
    else chunks.push(chunk)
  })
  response.on('error', error => fail(reason(error), false))
  response.on('close', () => fail({ key: 'exchange.brokenOff' }, false))
  response.on('end', () => {
    if (!response.complete) return
    const header: Header = name => {
      const value = response.headers[name]
      return Array.isArray(value) ? value.join(', ') : value
    }
    end({
      kind: 'answer',
      status: response.statusCode ?? 0,
      header,
      body: Buffer.concat(chunks).toString('utf8'),
    })
  })
}

/** What went wrong, in words of ours: the system's may repeat what was asked. */
function reason(error: NodeJS.ErrnoException): RunningText {
  switch (error.code) {
    case 'ECONNREFUSED':
      return { key: 'exchange.nothingListens' }
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return { key: 'exchange.unknownName' }
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
      return { key: 'exchange.unreachable' }
    case 'CERT_HAS_EXPIRED':
      return { key: 'exchange.expired' }
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return { key: 'exchange.otherName' }
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
      return { key: 'exchange.untrusted' }
    default:
      return error.code === undefined
        ? { key: 'exchange.failed' }
        : { key: 'exchange.failedWith', values: { code: error.code } }
  }
}

/** Reads a JSON object; undefined when the text is none. */
export function jsonObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    const isObject = value !== null && typeof value === 'object' && !Array.isArray(value)
    return isObject ? (value as Readonly<Record<string, unknown>>) : undefined
  } catch {
    return undefined
  }
}
