import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Server } from 'node:http'
import { isOurHost, isOurOrigin } from '../../http/origin.ts'
import type { HttpRequest } from '../../http/request.ts'
import { createHttpServer, type HttpReply } from '../../http/server.ts'
import { fault, inLanguageOf, okAnswer, SECURITY } from '../answer.ts'
import { servePage } from '../pages.ts'
import {
  type SetupAnswers,
  type SetupFacts,
  type SetupState,
  type SetupWritten,
  setupAnswersShape,
} from './setup-shapes.ts'

const LONGEST_BODY = 8 << 10
const PAGE = { '/': 'setup.html' }
/** Names under which a page on this machine is asked; no other host gets an answer. */
const NAMES = { host: '127.0.0.1', origins: [] }

export interface SetupDoorParts {
  readonly facts: SetupFacts
  /** The folder with the page. */
  readonly pages: string
  /** Checks the answers and writes the configuration. */
  write(answers: SetupAnswers): SetupWritten
  /** The page has shown how it ended. */
  told(): void
  fault(error: unknown): void
}

/**
 * The set-up page of a relay that has no configuration. Its link opens it once:
 * the token in it is changed for another one, which stays in that tab.
 */
export class SetupDoor {
  readonly server: Server
  /** The token behind `#` of the link. */
  readonly token = randomBytes(24).toString('base64url')
  state: SetupState = { state: 'asking' }
  readonly #parts: SetupDoorParts
  #link: Buffer | undefined = digest(this.token)
  #session: Buffer | undefined

  constructor(parts: SetupDoorParts) {
    this.#parts = parts
    this.server = createHttpServer({
      connections: 32,
      headerOctets: 8192,
      headersTimeout: 5_000,
      requestTimeout: 10_000,
      keepAlive: 5_000,
      headers: SECURITY,
      badRequest: fault(400, 'noPath'),
      failure: fault(500, 'setup.broken'),
      fault: parts.fault,
      answer: async request => inLanguageOf(request.headers['accept-language'], await this.#answer(request)),
    })
  }

  async #answer(request: HttpRequest): Promise<HttpReply> {
    if (!isOurHost(request.headers, NAMES) || !isOurOrigin(request.headers, NAMES))
      return fault(403, 'setup.foreign')
    const { method, path } = request
    if (!path.startsWith('/setup/')) return servePage(request, this.#parts.pages, PAGE)
    const shown = tokenOf(request)
    if (method === 'POST' && path === '/setup/begin') return this.#begin(shown)
    if (!isSame(shown, this.#session)) return fault(401, 'setup.closed')
    if (method === 'GET' && path === '/setup/state') return this.#told()
    if (method === 'POST' && path === '/setup/write') return this.#write(request)
    return fault(404, 'setup.nothing')
  }

  #begin(shown: Buffer | undefined): HttpReply {
    if (!isSame(shown, this.#link)) return fault(401, 'setup.used')
    this.#link = undefined
    const session = randomBytes(24).toString('base64url')
    this.#session = digest(session)
    return okAnswer({ session, facts: this.#parts.facts })
  }

  async #write(request: HttpRequest): Promise<HttpReply> {
    if (this.state.state !== 'asking') return fault(409, 'setup.written')
    const body = await request.body(LONGEST_BODY)
    const answers = setupAnswersShape.safeParse(body.ok ? parse(body.value) : undefined)
    if (!answers.success) return fault(400, 'setup.answers')
    const written = this.#parts.write(answers.data)
    if (written.ok) this.state = { state: this.#parts.facts.starts ? 'starting' : 'written' }
    return okAnswer(written)
  }

  #told(): HttpReply {
    const { state } = this.state
    const isEnd = state === 'running' || state === 'failed' || state === 'written'
    return { ...okAnswer(this.state), ...(isEnd && { after: () => this.#parts.told() }) }
  }
}

function tokenOf({ headers }: HttpRequest): Buffer | undefined {
  const token = /^Bearer ([\w-]{1,64})$/.exec(headers.authorization ?? '')?.[1]
  return token === undefined ? undefined : digest(token)
}

function isSame(shown: Buffer | undefined, wanted: Buffer | undefined): boolean {
  return shown !== undefined && wanted !== undefined && timingSafeEqual(shown, wanted)
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}
