import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { Child } from './child.ts'
import { need } from './need.ts'

/** Set in the process that `enterNamespace` starts. */
const INSIDE = 'TEST_INSIDE_NAMESPACE'

/** Milliseconds that a file in a namespace may take. */
const LONGEST = 1_800_000

/** Skips where network namespaces cannot be made; where everything must be tested, the test fails instead. */
export function needNamespaces(...commands: string[]): { skip: string | false } {
  const missing = need('unshare', 'nsenter', 'setpriv', 'ip', ...commands)
  if (missing.skip || process.env.CI) return missing
  const allowed = process.getuid?.() === 0 && spawnSync('unshare', ['--net', 'true']).status === 0
  return { skip: !allowed && 'network namespaces need root' }
}

/**
 * Runs the calling test file again in a network namespace of its own, and
 * returns true there. In the process that tap started it waits for that one,
 * ends as it ended, and never returns; unless namespaces cannot be had: then
 * the file goes on here, where `needNamespaces` skips its tests.
 */
export async function enterNamespace(file: string): Promise<boolean> {
  if (process.env[INSIDE]) {
    execFileSync('ip', ['link', 'set', 'lo', 'up'])
    return true
  }
  if (needNamespaces().skip) return false
  // The runner hears only from this process how long the file may take; the inner one minds what it asks for itself.
  t.setTimeout(LONGEST)
  const node = [process.execPath, ...process.execArgv, fileURLToPath(file)]
  const inner = spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', '--net', ...node], {
    stdio: 'inherit',
    // tap has set its own loader for TypeScript again, beside ours.
    env: { ...process.env, [INSIDE]: '1', TAP_TYPE_STRIP_ONLY: '1' },
  })
  const [code] = await once(inner, 'exit')
  process.exit(code ?? 1)
}

/** A network namespace that lasts as long as this object's process: a machine of its own, as far as packets go. */
export class Namespace {
  readonly name: string
  /** What `nsenter --net=` takes. */
  readonly path: string
  readonly #close: () => void

  private constructor(name: string, path: string, close: () => void) {
    this.name = name
    this.path = path
    this.#close = close
  }

  /** Makes one with its loopback up, strict about nothing, so that only programs decide what passes. */
  static async create(name: string): Promise<Namespace> {
    const holder = spawn('unshare', ['--net', 'cat'], { stdio: ['pipe', 'pipe', 'inherit'] })
    holder.stdin.write('ready')
    await once(holder.stdout, 'data')
    const made = new Namespace(name, `/proc/${holder.pid}/ns/net`, () => holder.kill('SIGKILL'))
    made.run('ip', 'link', 'set', 'lo', 'up')
    made.set('net/ipv4/conf/all/rp_filter', 0)
    made.set('net/ipv4/conf/default/rp_filter', 0)
    made.set('net/ipv6/conf/default/accept_dad', 0)
    return made
  }

  /** The namespace that this process is in. */
  static own(): Namespace {
    return new Namespace('own', `/proc/${process.pid}/ns/net`, () => {})
  }

  /** The namespace of another process, for as long as that lives. */
  static of(name: string, pid: number): Namespace {
    return new Namespace(name, `/proc/${pid}/ns/net`, () => {})
  }

  /** Runs a command to its end; returns what it printed. Throws when it fails. */
  run(command: string, ...args: string[]): string {
    return execFileSync('nsenter', [`--net=${this.path}`, command, ...args], { encoding: 'utf8' })
  }

  /** Starts a program. */
  start(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Child {
    // Should the test be killed, so is what it started.
    return new Child('setpriv', ['--pdeathsig', 'KILL', 'nsenter', `--net=${this.path}`, command, ...args], {
      env: { ...process.env, ...env },
    })
  }

  /** Sets a value below /proc/sys, of this namespace. */
  set(key: string, value: number | string): void {
    this.run('sh', '-c', `echo '${value}' > /proc/sys/${key}`)
  }

  /** Gives addresses to an interface, and brings it up. */
  address(device: string, ...addresses: string[]): void {
    for (const address of addresses) {
      const nodad = address.includes(':') ? ['nodad'] : []
      this.run('ip', 'address', 'add', address, 'dev', device, ...nodad)
    }
    this.run('ip', 'link', 'set', device, 'up')
  }

  /** Adds a route: `default via 192.0.2.1`. */
  route(...words: string[]): void {
    const family = words.some(word => word.includes(':')) ? ['-6'] : []
    this.run('ip', ...family, 'route', 'add', ...words)
  }

  /** What an interface has counted, such as `rx_packets`. */
  counted(device: string, what: string): number {
    const lines = this.run('ip', '-s', '-j', 'link', 'show', device)
    const [direction, kind] = what.split('_')
    return JSON.parse(lines)[0].stats64[direction!][kind!]
  }

  close(): void {
    this.#close()
  }
}

/** Joins two namespaces by a wire; each end has a name and addresses. Returns the MAC addresses. */
export function wire(
  a: { at: Namespace; device: string; addresses: readonly string[] },
  b: { at: Namespace; device: string; addresses: readonly string[] },
): { a: string; b: string } {
  a.at.run('ip', 'link', 'add', a.device, 'type', 'veth', 'peer', 'name', b.device, 'netns', pidOf(b.at))
  a.at.address(a.device, ...a.addresses)
  b.at.address(b.device, ...b.addresses)
  const mac = (end: { at: Namespace; device: string }) =>
    JSON.parse(end.at.run('ip', '-j', 'link', 'show', end.device))[0].address as string
  return { a: mac(a), b: mac(b) }
}

function pidOf(namespace: Namespace): string {
  return namespace.path.split('/')[2]!
}
