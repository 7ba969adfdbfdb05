import { spawn } from 'node:child_process'
import { Socket } from 'node:net'
import { failed, type Result, succeeded } from '../base/result.ts'
import type { ServiceManager } from '../operate/service-manager.ts'
import { loadAddon } from '../system/native-addon.ts'
import { notifyManager } from '../system/native-notify.ts'
import { STORED } from '../system/stored-descriptors.ts'

type Env = Readonly<Record<string, string | undefined>>

/** Hands a message to the service manager; calls `done` with the reason if that did not work. */
export type Send = (socket: string, message: string, done: (error?: string) => void) => void

export interface SystemdOptions {
  readonly env: Env
  readonly pid?: number
  readonly send?: Send
  /** Is told once if the manager cannot be reached. */
  readonly unreachable?: (why: string) => void
  readonly now?: () => number
}

/** What the watchdog asks. */
export interface Health {
  /** Everyone who relays is at work. */
  readonly healthy: boolean
  /** A line for `systemctl status`. */
  readonly status: string
}

/** Seconds that a worker may be missing, since others replace it, before the whole process counts as hung. */
const GRACE = 120
/** Messages within one watchdog interval: tolerates two late ones. */
const BEATS = 3
/** Seconds on top of the deadline for calls, for closing what is left. */
const CLOSING = 15
/** Milliseconds that it may take to read what it is told. */
const BARRIER = 2000

/**
 * The service manager that started us, systemd as a rule: it is told when we
 * are ready, reload and stop, and that we are still alive (sd_notify(3)).
 * Without NOTIFY_SOCKET nobody is told anything.
 */
export class Systemd implements ServiceManager {
  readonly #env: Env
  readonly #socket: string | undefined
  readonly #interval: number | undefined
  readonly #send: Send
  readonly #unreachable: (why: string) => void
  readonly #now: () => number
  /** Messages leave in the order in which they were said. */
  #queue: string[] = []
  #sending = false
  #isSilent = false
  #timer: NodeJS.Timeout | undefined
  #healthyAt = 0

  constructor(options: SystemdOptions) {
    const { env, pid = process.pid } = options
    this.#env = env
    this.#socket = env.NOTIFY_SOCKET || undefined
    this.#interval = watchdogInterval(env, pid)
    this.#send = options.send ?? sendOrSpawn
    this.#unreachable = options.unreachable ?? (() => {})
    this.#now = options.now ?? (() => performance.now())
  }

  /** Says that everything is bound, or that a reload is over. */
  ready(status?: string): void {
    this.#say('READY=1', ...(status === undefined ? [] : [`STATUS=${status}`]))
  }

  reloading(): void {
    this.#say('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`)
  }

  /** Says that we stop, and that it may take as long as calls are given. */
  stopping(seconds: number): void {
    this.#say('STOPPING=1', `EXTEND_TIMEOUT_USEC=${(seconds + CLOSING) * 1_000_000}`)
  }

  /** Says that another process is the service from now on, and nothing more. */
  handOver(pid: number): void {
    this.#say(`MAINPID=${pid}`)
    this.close()
    this.#isSilent = true
  }

  /** Whether it keeps descriptors for the next process of this service (FileDescriptorStoreMax=). */
  get keeps(): boolean {
    return this.room > 0
  }

  /** How many it keeps at most. */
  get room(): number {
    const room = Number(this.#env.FDSTORE)
    return this.#socket !== undefined && room > 0 && !this.#isSilent ? room : 0
  }

  /**
   * Has it keep descriptors, by their names, for the next process of this service; resolves once it has
   * them. Says why that cannot be.
   */
  async keep(descriptors: Readonly<Record<string, number>>): Promise<Result<void, string>> {
    this.drop(Object.keys(descriptors))
    for (const [name, fd] of Object.entries(descriptors)) {
      // Without FDPOLL it would let go of the sockets once nobody is at their other end.
      const error = this.#notify(`FDSTORE=1\nFDNAME=${STORED}${name}\nFDPOLL=0`, [fd])
      if (error !== undefined) return failed(error)
    }
    return this.#barrier()
  }

  /** Has it keep no longer what has these names. */
  drop(names: readonly string[]): void {
    for (const name of names) this.#notify(`FDSTOREREMOVE=1\nFDNAME=${STORED}${name}`, [])
  }

  /** Resolves when it has read all that was said before (sd_notify_barrier(3)). */
  #barrier(): Promise<Result<void, string>> {
    const addon = loadAddon()
    const pair = new Int32Array(2)
    if (!addon.ok || addon.value.socketPair(pair) < 0) return Promise.resolve(failed('no descriptor is left'))
    const [ours = -1, theirs = -1] = pair
    const error = this.#notify('BARRIER=1', [theirs])
    addon.value.release(theirs)
    const socket = new Socket({ fd: ours })
    return new Promise(resolve => {
      const settle = (result: Result<void, string>) => {
        clearTimeout(timer)
        socket.destroy()
        resolve(result)
      }
      const timer = setTimeout(() => settle(failed('it does not answer')), BARRIER)
      if (error !== undefined) settle(failed(error))
      // It closes its end when it has read as far as this.
      socket.once('end', () => settle(succeeded(undefined)))
      socket.once('error', fault => settle(failed(fault.message)))
      socket.resume()
    })
  }

  #notify(message: string, descriptors: readonly number[]): string | undefined {
    return notifyManager(this.#socket ?? '', message, descriptors)
  }

  /** Says in words what we do. The manager does nothing about it. */
  status(text: string): void {
    this.#say(`STATUS=${text}`)
  }

  /** Says from now on that we are alive, as often as the manager wants to hear it and for as long as it is true. */
  watch(ask: () => Health): void {
    if (this.#socket === undefined || this.#interval === undefined || this.#timer) return
    this.#healthyAt = this.#now()
    this.#timer = setInterval(() => this.#beat(ask()), this.#interval / BEATS).unref()
  }

  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #beat({ healthy, status }: Health): void {
    const now = this.#now()
    if (healthy) this.#healthyAt = now
    if (now - this.#healthyAt > GRACE * 1000) return
    this.#say('WATCHDOG=1', `STATUS=${status}`)
  }

  #say(...lines: string[]): void {
    if (this.#socket === undefined || this.#isSilent) return
    this.#queue.push(lines.map(line => line.replaceAll(/[\r\n]/g, ' ')).join('\n'))
    this.#next()
  }

  #next(): void {
    if (this.#sending || this.#socket === undefined) return
    const message = this.#queue.shift()
    if (message === undefined) return
    this.#sending = true
    this.#send(this.#socket, message, error => {
      this.#sending = false
      if (error !== undefined) this.#unreachable(error)
      this.#next()
    })
  }
}

/** Milliseconds within which the manager wants to hear of us; undefined when it does not care. */
function watchdogInterval(env: Env, pid: number): number | undefined {
  const microseconds = Number(env.WATCHDOG_USEC)
  if (!(microseconds > 0)) return undefined
  if (env.WATCHDOG_PID && Number(env.WATCHDOG_PID) !== pid) return undefined
  return microseconds / 1000
}

/**
 * Sends through the addon; where there is none, through systemd's own command,
 * which the unit must allow (NotifyAccess=all).
 */
const sendOrSpawn: Send = (socket, message, done) => {
  const error = notifyManager(socket, message)
  if (error === undefined) {
    done()
    return
  }
  const child = spawn('systemd-notify', message.split('\n'), {
    env: { PATH: process.env.PATH, NOTIFY_SOCKET: socket },
    stdio: 'ignore',
  })
  let answered = false
  const finish = (failed?: string) => {
    if (answered) return
    answered = true
    done(failed)
  }
  child.once('error', fault => finish(`${error}; and systemd-notify: ${fault.message}`))
  child.once('exit', code => finish(code === 0 ? undefined : `${error}; and systemd-notify failed (${code})`))
}
