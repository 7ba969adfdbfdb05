import { chmodSync, lstatSync, mkdirSync, unlinkSync } from 'node:fs'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { LONGEST_SOCKET_PATH } from '../base/socket-path.ts'
import { type RunningText, sayRunning } from '../texts/running.ts'

/** Why there can be no socket at a path. */
export class SocketPathError extends Error {
  override readonly name = 'SocketPathError'
  /** `message` in no language yet. */
  readonly text: RunningText

  constructor(text: RunningText) {
    super(sayRunning(text, 'en'))
    this.text = text
  }
}

/**
 * Listens on a Unix socket that its user and its group may open. One that a
 * dead process has left is replaced. Rejects with a `SocketPathError` when there
 * is a live one, or something else in its place.
 */
export async function listenAt(server: Server, path: string): Promise<void> {
  if (Buffer.byteLength(path) > LONGEST_SOCKET_PATH) {
    throw new SocketPathError({ key: 'socketPath.long', values: { most: LONGEST_SOCKET_PATH } })
  }
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  await makeRoom(path)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    // The socket is made in this very call, so that nobody else may open it for a moment.
    const mask = process.umask(0o117)
    server.listen({ path }, () => {
      server.off('error', reject)
      resolve()
    })
    process.umask(mask)
  })
  chmodSync(path, 0o660)
}

async function makeRoom(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (!found) return
  if (!found.isSocket()) throw new SocketPathError({ key: 'socketPath.noSocket' })
  if (await answers(path)) throw new SocketPathError({ key: 'socketPath.taken' })
  unlinkSync(path)
}

function answers(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(path)
    const end = (isAlive: boolean) => {
      socket.destroy()
      resolve(isAlive)
    }
    socket.once('connect', () => end(true))
    socket.once('error', (error: NodeJS.ErrnoException) =>
      end(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'),
    )
  })
}
