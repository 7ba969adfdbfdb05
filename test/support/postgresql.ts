import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chownSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Test } from 'tap'
import { freePort } from './ports.ts'

/** Debian's server, of whichever version. */
function programs(): string {
  const versions = readdirSync('/usr/lib/postgresql').sort((a, b) => Number(b) - Number(a))
  return `/usr/lib/postgresql/${versions[0]}/bin`
}

/** PostgreSQL refuses to run as root; Debian's package brings a user for it. */
function asUser(): { readonly uid?: number; readonly gid?: number } {
  if (process.getuid?.() !== 0) return {}
  const id = (which: string) => Number(execFileSync('id', [which, 'postgres'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

/** A PostgreSQL server of our own, in a temporary folder, on a port of loopback. */
export class Postgresql {
  readonly #folder: string
  readonly #port: number
  #server: ChildProcess | undefined
  #count = 0

  private constructor(folder: string, port: number) {
    this.#folder = folder
    this.#port = port
  }

  static async start(t: Test): Promise<Postgresql> {
    const folder = mkdtempSync(join(tmpdir(), 'taciturn-postgresql-'))
    const user = asUser()
    if (user.uid !== undefined) chownSync(folder, user.uid, user.gid!)
    const options = ['-D', join(folder, 'data'), '-A', 'trust', '-U', 'taciturn', '--no-sync', '-E', 'UTF8']
    execFileSync(join(programs(), 'initdb'), options, { ...user, cwd: folder, stdio: 'ignore' })
    const postgresql = new Postgresql(folder, await freePort())
    t.teardown(async () => {
      await postgresql.stop()
      rmSync(folder, { recursive: true, force: true })
    })
    await postgresql.run()
    return postgresql
  }

  /** Runs the server, again where it was stopped. */
  async run(): Promise<void> {
    const options = ['-D', join(this.#folder, 'data'), '-p', `${this.#port}`, '-h', '127.0.0.1']
    this.#server = spawn(join(programs(), 'postgres'), [...options, '-k', this.#folder, '-F'], {
      ...asUser(),
      cwd: this.#folder,
      stdio: 'ignore',
    })
    while (!this.#isReady()) await wait(50)
  }

  /** Stops it at once, whoever is connected. */
  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (!server || server.exitCode !== null) return
    const gone = new Promise(resolve => server.once('exit', resolve))
    server.kill('SIGINT')
    await gone
  }

  /** Stops all its processes where they are: connections stay open, and nobody answers. */
  pause(): void {
    for (const pid of this.#pids()) process.kill(pid, 'SIGSTOP')
  }

  /** The opposite of `pause`. */
  resume(): void {
    for (const pid of this.#pids()) process.kill(pid, 'SIGCONT')
  }

  /** Locks tables of a database, as a session that has been forgotten does, until the function it resolves with is called. */
  async lock(url: string, tables: string): Promise<() => Promise<void>> {
    const psql = spawn(join(programs(), 'psql'), [url, '-At', '-v', 'ON_ERROR_STOP=1'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const gone = new Promise<void>(resolve => psql.once('exit', () => resolve()))
    const isLocked = new Promise<void>((resolve, reject) => {
      psql.stdout.on('data', text => `${text}`.includes('locked') && resolve())
      psql.once('exit', code => reject(new Error(`psql ended with ${code}`)))
    })
    psql.stdin.write(`BEGIN; LOCK TABLE ${tables} IN ACCESS EXCLUSIVE MODE; SELECT 'locked';\n`)
    await isLocked
    return () => {
      psql.stdin.end()
      return gone
    }
  }

  /** The first is that which starts the others. */
  #pids(): number[] {
    const first = this.#server!.pid!
    const children = readFileSync(`/proc/${first}/task/${first}/children`, 'utf8')
    return [first, ...children.split(' ').filter(Boolean).map(Number)]
  }

  /** URL of a new, empty database. */
  database(): string {
    const name = `ledger${++this.#count}`
    this.psql('postgres', `CREATE DATABASE ${name}`)
    return `postgresql://taciturn@127.0.0.1:${this.#port}/${name}`
  }

  psql(database: string, sql: string): string {
    const where = ['-h', '127.0.0.1', '-p', `${this.#port}`, '-U', 'taciturn', '-d', database]
    return execFileSync(join(programs(), 'psql'), [...where, '-At', '-c', sql], { encoding: 'utf8' }).trim()
  }

  #isReady(): boolean {
    try {
      this.psql('postgres', 'SELECT 1')
      return true
    } catch {
      return false
    }
  }
}
