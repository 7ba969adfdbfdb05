import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Test } from 'tap'
import type { S3Plan } from '../../src/ledger/backups/s3-store.ts'
import { freePort } from './ports.ts'

const KEYS = { accessKeyId: 'taciturn', secretAccessKey: 'a secret that only this test knows' }

/** An S3 server of our own (versitygw), whose objects are files in a temporary folder, on a port of loopback. */
export class S3Server {
  readonly port: number
  readonly #folder: string
  #server: ChildProcess | undefined
  #buckets = 0

  private constructor(folder: string, port: number) {
    this.#folder = folder
    this.port = port
  }

  static async start(t: Test): Promise<S3Server> {
    const folder = mkdtempSync(join(tmpdir(), 'taciturn-s3-'))
    for (const name of ['buckets', 'about']) mkdirSync(join(folder, name))
    const server = new S3Server(folder, await freePort())
    t.teardown(async () => {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    })
    await server.run()
    return server
  }

  async run(): Promise<void> {
    const { accessKeyId, secretAccessKey } = KEYS
    const keys = ['--access', accessKeyId, '--secret', secretAccessKey]
    // What it has to note of objects is in a folder of its own: not every file system takes attributes.
    const storage = ['posix', '--sidecar', join(this.#folder, 'about'), join(this.#folder, 'buckets')]
    const port = ['--port', `127.0.0.1:${this.port}`, '--quiet']
    this.#server = spawn('versitygw', [...keys, ...port, ...storage], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    while (
      !(await fetch(`http://127.0.0.1:${this.port}/`).then(
        () => true,
        () => false,
      ))
    )
      await wait(50)
  }

  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (!server || server.exitCode !== null) return
    const gone = new Promise(resolve => server.once('exit', resolve))
    server.kill('SIGKILL')
    await gone
  }

  /** A new, empty bucket, and a prefix in it. */
  bucket(): S3Plan {
    const bucket = `bucket${++this.#buckets}`
    mkdirSync(join(this.#folder, 'buckets', bucket))
    return {
      endpoint: `http://127.0.0.1:${this.port}`,
      bucket,
      region: 'us-east-1',
      prefix: 'my relay/',
      ...KEYS,
    }
  }
}
