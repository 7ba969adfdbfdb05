/** An answer that was read to its end, or to the bound. */
export interface HttpAnswer {
  readonly kind: 'answer'
  readonly status: number
  readonly headers: Headers
  /** Parsed JSON; undefined where the body is something else. */
  readonly json: unknown
  /** The server's clock in epoch milliseconds, corrected by half the way there and back; from the Date header. */
  readonly clockAhead: number | undefined
}

export interface HttpFailure {
  readonly kind: 'failure'
  readonly why: 'timeout' | 'refused' | 'dns' | 'tls' | 'too-large' | 'redirect' | 'other'
  readonly detail: string
}

export interface HttpClientOptions {
  readonly method?: 'GET' | 'POST'
  readonly token?: string
  readonly body?: unknown
  /** Redirects to follow; none unless said otherwise, and never together with a token or body. */
  readonly redirects?: number
}

const TIMEOUT = 8000
/** No answer that we ask for is anywhere near this. */
const LONGEST = 256 * 1024

/**
 * Asks a web server. The time and the size of the answer are bounded, and no
 * token, password or body ever follows a redirect.
 */
export async function ask(url: URL, options: HttpClientOptions = {}): Promise<HttpAnswer | HttpFailure> {
  const { method = 'GET', token, body } = options
  const start = performance.now()
  const signal = AbortSignal.timeout(TIMEOUT)
  try {
    const response = await fetch(url, {
      method,
      redirect: 'manual',
      signal,
      headers: {
        accept: 'application/json',
        // A browser sends this, and what it needs in return is checked.
        origin: 'https://doctor.invalid',
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const clockAhead = clockOf(response.headers, performance.now() - start)
    const location = response.headers.get('location')
    if (response.status >= 300 && response.status < 400 && location !== null) {
      await response.body?.cancel()
      return redirected(url, location, options)
    }
    const text = await bounded(response)
    if (text === undefined) return { kind: 'failure', why: 'too-large', detail: `> ${LONGEST / 1024} KiB` }
    return {
      kind: 'answer',
      status: response.status,
      headers: response.headers,
      json: parse(text),
      clockAhead,
    }
  } catch (error) {
    return failureOf(error)
  }
}

async function redirected(
  from: URL,
  location: string,
  options: HttpClientOptions,
): Promise<HttpAnswer | HttpFailure> {
  const to = URL.canParse(location, from.href) ? new URL(location, from) : undefined
  const left = options.redirects ?? 0
  const mayFollow = to && left > 0 && options.token === undefined && options.body === undefined
  if (!mayFollow || (from.protocol === 'https:' && to.protocol !== 'https:')) {
    return { kind: 'failure', why: 'redirect', detail: to?.origin ?? '?' }
  }
  return ask(to, { ...options, redirects: left - 1 })
}

/** Reads a body; undefined when it is longer than anything we ask for. */
async function bounded(response: Response): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  if (!response.body) return ''
  for await (const chunk of response.body) {
    chunks.push(Buffer.from(chunk as Uint8Array))
    length += (chunk as Uint8Array).length
    if (length > LONGEST) return undefined
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function clockOf(headers: Headers, took: number): number | undefined {
  const date = Date.parse(headers.get('date') ?? '')
  if (Number.isNaN(date)) return undefined
  // The header has whole seconds: half of one is what it lags on average.
  return date + 500 - (Date.now() - took / 2)
}

function failureOf(error: unknown): HttpFailure {
  const { name, message, cause } = error as Error & { cause?: NodeJS.ErrnoException }
  const code = cause?.code ?? ''
  const detail = code || cause?.message || message
  const failure = (why: HttpFailure['why']): HttpFailure => ({ kind: 'failure', why, detail })
  if (name === 'TimeoutError' || code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT')
    return failure('timeout')
  if (code === 'ECONNREFUSED') return failure('refused')
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return failure('dns')
  const isTls = /CERT|SSL|TLS|SELF_SIGNED|UNABLE_TO|HOSTNAME|EPROTO/.test(code)
  return failure(isTls ? 'tls' : 'other')
}
