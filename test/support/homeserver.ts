import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export const TOKEN = 'syt_a_token_that_nobody_may_see'
export const PASSWORD = 'a password that nobody may see'
export const USER = '@alice:example.org'

/** What a homeserver does differently from a Synapse that is set up well. */
export interface HomeserverOptions {
  readonly uris: readonly string[]
  /** What it makes HMACs with; absent: none is configured. */
  readonly secret?: string | Buffer
  /** Seconds; `ttl` as Synapse says it. */
  readonly lifetime?: number
  /** Seconds that its clock is ahead. */
  readonly clockAhead?: number
  /** What it calls itself. */
  readonly software?: string
  /** Answers of its own for paths; a function may also do nothing at all. */
  readonly answers?: Readonly<Record<string, Answer>>
  readonly wellKnown?: Readonly<Record<string, unknown>>
}

type Answer =
  | { readonly status: number; readonly body: unknown; readonly headers?: Readonly<Record<string, string>> }
  | ((request: IncomingMessage, response: ServerResponse) => void)

/** A homeserver on loopback that answers what the doctor asks, in the shape of Synapse's answers. */
export interface Homeserver {
  readonly url: string
  /** What was asked of it: method, path, and whether a token was shown. */
  readonly asked: { readonly path: string; readonly token: string | undefined }[]
  stop(): Promise<void>
}

export const TURN_SERVER = '/_matrix/client/v3/voip/turnServer'

export async function startHomeserver(options: HomeserverOptions): Promise<Homeserver> {
  const asked: Homeserver['asked'] = []
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    asked.push({ path: `${request.method} ${path}`, token: tokenOf(request) })
    const now = Date.now() + (options.clockAhead ?? 0) * 1000
    response.setHeader('date', new Date(now).toUTCString())
    const own = options.answers?.[path]
    if (typeof own === 'function') own(request, response)
    else if (own) send(response, own.status, own.body, own.headers)
    else if (path === '/_matrix/client/v3/login') logIn(request, response)
    else send(response, ...answerTo(request, path, options, now))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    stop: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** What Synapse answers: status and body. */
function answerTo(
  request: IncomingMessage,
  path: string,
  options: HomeserverOptions,
  now: number,
): readonly [status: number, body: unknown] {
  const [name = 'Synapse', version = '1.157.1'] = (options.software ?? 'Synapse 1.157.1').split(' ')
  if (path === '/.well-known/matrix/client')
    return options.wellKnown ? [200, options.wellKnown] : [404, 'not found']
  if (path === '/_matrix/client/versions') return [200, { versions: ['v1.11'] }]
  if (path === '/_matrix/federation/v1/version') return [200, { server: { name, version } }]
  if (path === '/_matrix/federation/v1/openid/userinfo') return [401, MISSING]
  if (tokenOf(request) === undefined) return [401, MISSING]
  if (tokenOf(request) !== TOKEN) {
    return [401, { errcode: 'M_UNKNOWN_TOKEN', error: 'Invalid access token', soft_logout: false }]
  }
  if (path === '/_matrix/client/v3/logout') return [200, {}]
  if (path === TURN_SERVER) return [200, turnServer(options, now)]
  return [404, { errcode: 'M_UNRECOGNIZED', error: 'Unrecognized request' }]
}

function turnServer({ uris, secret, lifetime = 86_400 }: HomeserverOptions, now: number): unknown {
  if (secret === undefined || uris.length === 0) return {}
  const username = `${Math.floor(now / 1000 + lifetime)}:${USER}`
  const password = createHmac('sha1', secret).update(username).digest('base64')
  return { username, password, ttl: lifetime, uris }
}

function logIn(request: IncomingMessage, response: ServerResponse): void {
  let body = ''
  request.setEncoding('utf8').on('data', (text: string) => {
    body += text
  })
  request.on('end', () => {
    const { identifier, password } = JSON.parse(body)
    if (identifier.user === USER && password === PASSWORD)
      send(response, 200, { access_token: TOKEN, user_id: USER })
    else send(response, 403, { errcode: 'M_FORBIDDEN', error: 'Invalid username or password' })
  })
}

function send(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const type = typeof body === 'string' ? 'text/html' : 'application/json'
  const all = { 'content-type': type, 'access-control-allow-origin': '*', ...headers }
  response.writeHead(status, all).end(text)
}

function tokenOf(request: IncomingMessage): string | undefined {
  return /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1]
}

const MISSING = { errcode: 'M_MISSING_TOKEN', error: 'Missing access token' }
