import { request } from 'node:http'
import { successes } from '../base/result.ts'
import type { Loaded } from '../config/load.ts'
import { controlPaths } from '../config/values/control-paths.ts'
import { overlap, parseListener } from '../config/values/listener.ts'
import { alreadyRunning, type StartError } from '../relay/start-error.ts'

/** Milliseconds that a relay may take to say what it is. */
const PATIENCE = 2000
/** Bytes of an answer that are read at most. */
const LARGEST_ANSWER = 1_000_000

/** What is asked of the relay that runs. */
interface Running {
  readonly pid: number
  /** Milliseconds since the epoch. */
  readonly started: number
  readonly listening: readonly string[]
}

/**
 * Tells why this relay cannot start where it is because another one has its
 * listeners: asks the control sockets that `taciturn status` would ask.
 * Resolves with undefined where none answers, or another relay than this.
 */
export async function otherInstance(
  { settings, source }: Loaded,
  env: Readonly<Record<string, string | undefined>>,
  cwd: string,
): Promise<StartError | undefined> {
  if (!settings.control) return undefined
  const paths = new Set([settings.control.path, ...controlPaths(source ?? undefined, env, cwd)])
  for (const path of paths) {
    const running = await ask(path)
    if (!running) continue
    const theirs = successes(running.listening.map(parseListener))
    if (settings.listen.some(one => theirs.some(other => overlap(one, other)))) {
      return alreadyRunning(running.pid, running.started)
    }
  }
  return undefined
}

/** Asks a control socket for the relay's status; undefined where nothing answers that speaks its API. */
function ask(socketPath: string): Promise<Running | undefined> {
  return new Promise(resolve => {
    const asked = request({ socketPath, path: '/api/v1/status', headers: { host: 'localhost' } }, answer => {
      const chunks: Buffer[] = []
      let size = 0
      answer.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        size += chunk.length
        if (size > LARGEST_ANSWER) asked.destroy()
      })
      answer.on('end', () => resolve(read(Buffer.concat(chunks).toString('utf8'))))
      answer.on('error', () => resolve(undefined))
    })
    asked.setTimeout(PATIENCE, () => asked.destroy())
    asked.on('error', () => resolve(undefined))
    asked.on('close', () => resolve(undefined))
    asked.end()
  })
}

/** By hand, because the other relay may be of another version. */
function read(text: string): Running | undefined {
  try {
    const { process: of, started, listening } = JSON.parse(text)
    const isStatus =
      Number.isInteger(of?.pid) &&
      Number.isFinite(started) &&
      Array.isArray(listening) &&
      listening.every(one => typeof one === 'string')
    return isStatus ? { pid: of.pid, started, listening } : undefined
  } catch {
    return undefined
  }
}
