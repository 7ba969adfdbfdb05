import { statSync } from 'node:fs'
import { request } from 'node:http'
import { controlPaths } from '../../config/values/control-paths.ts'
import type { ApiError } from '../../control/view.ts'
import { safeTexts } from '../../log/printable.ts'
import { absolute, type CliContext } from '../context.ts'
import { CommandError, Exit } from '../io.ts'

/** Where to find the relay that is meant. */
export interface SocketOptions {
  readonly config?: string | undefined
  readonly socket?: string | undefined
  /** Answers are for a program, and stay as they are; else every text in them is one that a terminal may show. */
  readonly json?: boolean
}

/** Milliseconds that a relay may take to answer. */
const PATIENCE = 10_000

/** The relay understood what was asked, and does not do it. */
export class RefusedRequest extends CommandError {
  readonly status: number

  constructor(status: number, message: string) {
    super(message, status === 401 || status === 403 || status === 429 ? Exit.refused : Exit.failed)
    this.status = status
  }
}

/** A running relay, by its control socket. */
export class ControlClient {
  readonly #path: string
  readonly #context: CliContext
  readonly #isPlain: boolean

  /** Throws a `CommandError` when there is no socket to be found. */
  constructor({ config, socket, json = false }: SocketOptions, context: CliContext) {
    this.#context = context
    this.#isPlain = json
    const { io, words } = context
    const paths = socket === undefined ? controlPaths(config, io.env, io.cwd) : [absolute(socket, io)]
    const [first] = paths
    if (first === undefined) throw new CommandError(words.say('control.switchedOff'), Exit.unreachable)
    this.#path = paths.find(isThere) ?? first
  }

  /** `patience` is in milliseconds, for what takes longer than most. */
  get<T>(path: string, patience = PATIENCE): Promise<T> {
    return this.#ask<T>('GET', path, undefined, patience)
  }

  post<T>(path: string, body?: unknown, patience = PATIENCE): Promise<T> {
    return this.#ask<T>('POST', path, body, patience)
  }

  #ask<T>(method: string, path: string, body?: unknown, patience = PATIENCE): Promise<T> {
    const text = body === undefined ? '' : JSON.stringify(body)
    return new Promise<T>((resolve, reject) => {
      const asked = request(
        {
          socketPath: this.#path,
          path: `/api/v1${path}`,
          method,
          headers: {
            host: 'localhost',
            'accept-language': this.#context.language,
            'content-length': Buffer.byteLength(text),
          },
          timeout: patience,
        },
        response => {
          const chunks: Buffer[] = []
          response.on('data', chunk => chunks.push(chunk))
          response.on('end', () => {
            try {
              const answer: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'))
              if (response.statusCode !== 200)
                reject(this.#refused(response.statusCode ?? 0, safeTexts(answer as ApiError)))
              else resolve((this.#isPlain ? answer : safeTexts(answer)) as T)
            } catch (error) {
              reject(error)
            }
          })
          response.on('error', reject)
        },
      )
      asked.on('timeout', () => asked.destroy(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' })))
      asked.on('error', (error: NodeJS.ErrnoException) => reject(this.#unreachable(error)))
      asked.end(text)
    })
  }

  /** What a command does not foresee is shown in the words of the API, but never with a hint for programs. */
  #refused(status: number, { error, hint }: ApiError): CommandError {
    const isForPrograms = /\/api\/v1|docs\/control\.md/.test(hint)
    const text = isForPrograms
      ? this.#context.words.say('control.otherVersion', { error })
      : `${error}; ${hint}`
    return new RefusedRequest(status, text)
  }

  #unreachable({ code = '?' }: NodeJS.ErrnoException): CommandError {
    const { words } = this.#context
    if (code === 'EACCES' || code === 'EPERM') {
      return new CommandError(words.say('control.notAllowed', { path: this.#path }), Exit.refused)
    }
    return new CommandError(words.say('control.unreachable', { path: this.#path, code }), Exit.unreachable)
  }
}

/** What is asked for may have gone by now. */
export function unless404<T>(asked: Promise<T>, missing: CommandError): Promise<T> {
  return asked.catch(error => {
    throw error instanceof RefusedRequest && error.status === 404 ? missing : error
  })
}

/** A folder that may not be looked into may hold it, so only what is certainly not there is left out. */
function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined
  } catch {
    return true
  }
}
