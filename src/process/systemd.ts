import { spawn } from 'node:child_process'
import type { ServiceManager } from '../operate/service-manager.ts'
import { notifyManager } from '../system/native-notify.ts'

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

/**
 * The service manager that started us, systemd as a rule: it is told when we
 * are ready, reload and stop, and that we are still alive (sd_notify(3)).
 * Without NOTIFY_SOCKET nobody is told anything.
 */
export class Systemd implements ServiceManager {
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
