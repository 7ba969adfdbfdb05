import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Child } from './child.ts'
import { Namespace } from './namespaces.ts'
import { need } from './need.ts'

const SCRIPT = join(import.meta.dirname, 'machine.sh')
const REPOSITORY = join(import.meta.dirname, '..', '..')
const HIERARCHIES = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup']
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
/** Milliseconds that it may take to boot, and that a script may. */
const PATIENCE = 60_000

/** Skips where no machine can be made, which needs root; where everything must be tested, the test fails instead. */
export function needMachine(...commands: string[]): { skip: string | false } {
  const missing = need('unshare', 'nsenter', 'ip', 'systemctl', 'dpkg', ...commands)
  if (missing.skip || process.env.CI) return missing
  return { skip: process.getuid?.() !== 0 && 'only root can make namespaces' }
}

/**
 * A Debian machine named turn.example.org, address 203.0.113.7, where systemd
 * is process 1: this machine's files under an overlay, but for the repository,
 * and namespaces of its own. What is done there is gone afterwards.
 */
export class Machine {
  readonly #holder: Child
  readonly #folder: string
  readonly #pid: number

  private constructor(holder: Child, folder: string, pid: number) {
    this.#holder = holder
    this.#folder = folder
    this.#pid = pid
  }

  /** Boots one, with these files in /root. */
  static async boot(...files: string[]): Promise<Machine> {
    const folder = mkdtempSync(join(tmpdir(), 'machine-'))
    const holder = new Child(SCRIPT, [folder, REPOSITORY, ...files])
    const until = Date.now() + PATIENCE
    let state = ''
    while (!holder.exit && Date.now() < until) {
      const pid = childOf(holder.pid)
      const machine = pid === undefined ? undefined : new Machine(holder, folder, pid)
      state = machine ? await machine.#state() : ''
      if (machine && (state === 'running' || state === 'degraded')) return machine
      await sleep(50)
    }
    holder.signal('SIGKILL')
    await holder.exited
    throw new Error(`the machine did not boot: ${state}\n${holder.output}`)
  }

  /** Its network. */
  get network(): Namespace {
    return Namespace.of('machine', this.#pid)
  }

  /** Runs a script with `sh -e` as root in /root, to its end; returns what it printed. Throws, with that, when it fails. */
  async run(script: string): Promise<string> {
    const { stdout } = await promisify(execFile)(
      'nsenter',
      this.#command('sh', '-ec', `exec </dev/null; cd /root\n${script}`),
      {
        encoding: 'utf8',
        env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8' },
      },
    )
    return stdout
  }

  /** Starts a program. */
  start(command: string, ...args: string[]): Child {
    return new Child('nsenter', this.#command(command, ...args))
  }

  /** What /proc says of a process; `pid` is its number there. */
  status(pid: number): string {
    return execFileSync('nsenter', this.#command('cat', `/proc/${pid}/status`), { encoding: 'utf8' })
  }

  async close(): Promise<void> {
    const groups = HIERARCHIES.map(path => join(path, `test-machine-${this.#holder.pid}`))
    this.#holder.signal('SIGKILL')
    await this.#holder.exited
    rmSync(this.#folder, { recursive: true, force: true })
    for (const group of groups) await removeGroup(group)
  }

  async #state(): Promise<string> {
    try {
      return (await this.run('systemctl is-system-running')).trim()
    } catch (error) {
      return String((error as { stdout?: string }).stdout ?? '').trim()
    }
  }

  #command(...words: string[]): string[] {
    // Nothing of what the test runner tells the programs that a test starts.
    const env = ['env', '-i', 'HOME=/root', 'LANG=C.UTF-8', `PATH=${PATH}`]
    return ['--target', String(this.#pid), '--all', ...env, ...words]
  }
}

function childOf(pid: number): number | undefined {
  try {
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ')
    return child ? Number(child) : undefined
  } catch {
    return undefined
  }
}

/** The kernel needs a moment after the last process has gone. */
async function removeGroup(path: string): Promise<void> {
  for (let tries = 0; tries < 40 && existsSync(path); tries++) {
    try {
      for (const entry of readdirSync(path, { withFileTypes: true, recursive: true }).reverse()) {
        if (entry.isDirectory()) rmdirSync(join(entry.parentPath, entry.name))
      }
      rmdirSync(path)
    } catch {
      await sleep(50)
    }
  }
}
