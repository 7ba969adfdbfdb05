import { spawn } from 'node:child_process'
import type { Settings } from '../config/settings.ts'
import { type Giver, type HandedOver, HandOverDoor } from '../handover/giver.ts'
import { handOverPath } from '../handover/protocol.ts'
import type { Log } from '../log/log.ts'
import type { Shutdown } from '../operate/shutdown.ts'
import type { GivenRelay, HandOver } from '../relay/hand-over/hand-over.ts'
import { loadAddon } from '../system/native-addon.ts'
import type { RunningText } from '../texts/running.ts'
import type { Engine } from '../workers/engine.ts'
import { leaveToManager } from './leaving.ts'
import { journalNames, type StoredJournal } from './stored-journal.ts'
import type { Systemd } from './systemd.ts'

export interface HandingOverParts {
  readonly version: string
  readonly log: Log
  readonly settings: () => Pick<Settings, 'state' | 'stop'>
  readonly engine: Engine
  readonly shutdown: Pick<Shutdown, 'state' | 'leave'>
  readonly systemd: Systemd | undefined
  readonly journal: StoredJournal | undefined
  /** The command line of node that starts this relay. */
  readonly program: readonly string[]
  /** TCP addresses of pages that are served. */
  readonly pages: () => readonly string[]
  /** Writes down what the next process goes on from. */
  readonly keep: () => void
  /** Has the kernel relay nothing any more, or again. */
  readonly relaysInKernel: (on: boolean) => void
  /** Closes all that people and programs ask, so that the other process can open it. */
  readonly closePages: () => void
}

/** Milliseconds that an answer may take to leave, and a failed process to end. */
const LAST_WORD = 1000
const LINGER = 2000

/** The old one's side of a hand-over to another process: waits for one, or starts it. */
export class HandingOver {
  readonly #parts: HandingOverParts
  readonly #giver: Giver | undefined
  readonly #door: HandOverDoor | undefined
  /** Why there is no door. */
  readonly #why: RunningText
  #asked: { readonly pid: number; readonly settle: (how: HandedOver) => void } | undefined
  #told: () => void = () => {}
  #isOver = false
  #hasLeft = false

  constructor(parts: HandingOverParts) {
    this.#parts = parts
    const addon = loadAddon()
    const { handOver } = parts.engine.shards
    this.#why = addon.ok
      ? { key: 'upgrade.transport' }
      : { key: 'upgrade.addon', values: { why: addon.error } }
    if (!addon.ok || !handOver) return
    this.#giver = this.#giverOf(handOver)
    this.#door = new HandOverDoor(this.#giver, addon.value, how => this.#ended(how))
  }

  /** Waits for processes that take over. */
  open(): void {
    this.#door?.open(handOverPath(this.#parts.settings().state))
  }

  close(): void {
    if (!this.#isOver) this.#door?.close()
  }

  /** True from the moment that another process goes on with what was handed over. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** True where the next process has the calls of this one already, or will have them. */
  get goesOn(): boolean {
    return this.#isOver || this.#hasLeft
  }

  /**
   * Starts a new process that takes over, and waits until it has or has failed;
   * then this one goes on. `told` is to be called when the one who asks has
   * the answer: only then everything closes that could carry it.
   */
  upgrade(): Promise<HandedOver> {
    if (!this.#door) return Promise.resolve({ ok: false, why: this.#why })
    const tied = tiedTo(process.env, process.pid)
    if (tied !== undefined) return Promise.resolve({ ok: false, why: tied })
    if (this.#parts.shutdown.state !== 'none')
      return Promise.resolve({ ok: false, why: { key: 'upgrade.ending' } })
    if (this.#asked) return Promise.resolve({ ok: false, why: { key: 'upgrade.underWay' } })
    return new Promise(resolve => {
      const child = spawn(process.execPath, [...this.#parts.program, '--take-over'], {
        stdio: ['ignore', 'inherit', 'inherit'],
        env: environment(process.env),
      })
      child.unref()
      const pid = child.pid ?? 0
      const settle = (how: HandedOver) => {
        if (this.#asked?.pid !== pid) return
        this.#asked = undefined
        // It ends by itself as it hears of it, unless it hangs.
        if (!how.ok) setTimeout(() => child.kill('SIGKILL'), LINGER).unref()
        resolve(how)
      }
      this.#asked = { pid, settle }
      child.once('error', error => settle({ ok: false, why: error.message }))
      child.once('exit', (code, signal) =>
        settle({
          ok: false,
          pid,
          why:
            signal === null
              ? { key: 'upgrade.exited', values: { code: code ?? '?' } }
              : { key: 'upgrade.killed', values: { signal } },
        }),
      )
    })
  }

  /** Before this relay stops: has the service manager keep the calls for the next process, where it would. */
  async leave(): Promise<void> {
    const { engine, log, systemd, version, journal } = this.#parts
    const giver = this.#giver
    if (!giver || !systemd?.keeps || this.#isOver) return
    // A process that was about to take over has nothing of what is left now.
    giver.forgetCopies()
    this.#hasLeft = await leaveToManager({ giver, systemd, version, log, shards: engine.shards })
    if (this.#hasLeft) journal?.drop()
  }

  /** The one who asked for an upgrade has the answer. */
  told(): void {
    this.#told()
  }

  #ended(how: HandedOver): void {
    const { log, systemd, engine } = this.#parts
    if (!how.ok) {
      // It may have had its journal kept already.
      if (systemd?.keeps && how.pid !== undefined) systemd.drop(journalNames(how.pid, engine.workers))
      log.error('nothing was handed over, and calls go on here', { pid: how.pid, why: how.why })
      if (how.pid === this.#asked?.pid) this.#asked?.settle(how)
    }
  }

  #giverOf(handOver: HandOver): Giver {
    const { version, log, engine, shutdown, relaysInKernel } = this.#parts
    const again = (how: 'go' | 'goOn') => async () => {
      await handOver[how]()
      relaysInKernel(true)
    }
    const [go, goOn] = [again('go'), again('goOn')]
    const settled = async (
      begin: 'hold' | 'quieten',
      give: 'give' | 'giveAhead',
      goBack: () => Promise<void>,
    ): Promise<GivenRelay> => {
      relaysInKernel(false)
      try {
        await handOver[begin]()
        if (await handOver.settle()) return await handOver[give]()
        throw new Error('requests under way took too long to come to their answers')
      } catch (error) {
        await goBack()
        throw error
      }
    }
    return {
      version,
      refusal: () => {
        if (shutdown.state !== 'none') return 'the relay that runs is draining or stopping'
        this.#parts.keep()
        return undefined
      },
      listening: () => engine.listeners.addresses,
      pages: () => this.#parts.pages(),
      workers: engine.workers,
      rehearse: () => handOver.snapshots(),
      copies: () => handOver.copies(),
      forgetCopies: () => handOver.forgetCopies(),
      give: () => settled('hold', 'give', go),
      giveAhead: () => settled('quieten', 'giveAhead', goOn),
      giveRest: () => handOver.giveRest(),
      goOn,
      takeBack: async given => {
        await handOver.takeBack(given)
        relaysInKernel(true)
      },
      leave: () => handOver.leave(),
      retire: how => this.#retire(how),
      log: (what, details) => log.info(what, details),
    }
  }

  async #retire(how: HandedOver & { readonly ok: true }): Promise<void> {
    const { log, settings, shutdown, systemd, journal, closePages } = this.#parts
    this.#isOver = true
    this.#door?.close()
    log.info('handed over', {
      to: how.pid,
      version: how.version,
      allocations: how.allocations,
      stays: how.stays,
      gap: how.gap,
    })
    if (this.#asked?.pid === how.pid) {
      const left = new Promise<void>(resolve => {
        this.#told = resolve
        setTimeout(resolve, LAST_WORD).unref()
      })
      this.#asked.settle(how)
      await left
    }
    journal?.drop()
    systemd?.handOver(how.pid)
    closePages()
    // The first process of a container: with it the container ends, and is started again as a rule.
    shutdown.leave(how.pid, settings().stop.deadline, process.pid === 1)
  }
}

/**
 * Why no process that this one starts can outlive it, where that is so: the
 * container ends with its first process, and systemd ends what is left of a unit
 * whose main process has gone, unless it is told of another (NOTIFY_SOCKET).
 */
export function tiedTo(env: NodeJS.ProcessEnv, pid: number): RunningText | undefined {
  if (pid === 1) return { key: 'upgrade.container' }
  if (Number(env.SYSTEMD_EXEC_PID) === pid && !env.NOTIFY_SOCKET) return { key: 'upgrade.systemd' }
  return undefined
}

/** What a successor inherits: no sockets of the service manager, which were ours, nor a watchdog that names us. */
function environment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { LISTEN_FDS: _, LISTEN_PID: __, LISTEN_FDNAMES: ___, WATCHDOG_PID: ____, ...rest } = env
  return rest
}
