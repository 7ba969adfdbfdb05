import type { Reloaded } from '../control/view.ts'
import type { Language } from '../texts/language.ts'
import type { LiveSettings } from './live-settings.ts'
import type { ServiceManager } from './service-manager.ts'
import type { Shutdown } from './shutdown.ts'

/** Milliseconds in which requests to reload become one. */
const GATHER = 250

export interface ReloadParts {
  readonly settings: Pick<LiveSettings, 'reload' | 'lastReload'>
  readonly shutdown: Pick<Shutdown, 'state' | 'status'>
  readonly serviceManager: ServiceManager
  readonly later?: (run: () => void) => void
}

/**
 * Reloads on request, one at a time: a storm of signals becomes one reload,
 * which sees the last state of the files.
 */
export class Reload {
  readonly #parts: ReloadParts
  readonly #later: (run: () => void) => void
  #pending = false
  /** Reloads that are not in force yet. */
  #running = 0

  constructor(parts: ReloadParts) {
    this.#parts = parts
    this.#later = parts.later ?? (run => void setTimeout(run, GATHER).unref())
  }

  /** Reloads in a moment. */
  request(): void {
    if (this.#pending) return
    this.#pending = true
    this.#later(() => {
      this.#pending = false
      void this.now()
    })
  }

  /** Reloads at once, and answers when that is in force. A relay that drains or stops does not: the answer says so. */
  async now(language?: Language): Promise<Reloaded> {
    const { settings, shutdown, serviceManager } = this.#parts
    const { state } = shutdown
    if (state !== 'none') return { ok: false, refused: state, problems: [], warnings: [], restart: [] }
    this.#running++
    serviceManager.reloading()
    const reloaded = await settings.reload(language)
    // The last of several tells it, and none once the relay has begun to stop.
    if (--this.#running === 0 && shutdown.state === 'none') serviceManager.ready(this.status)
    return reloaded
  }

  /** For `systemctl status`. */
  get status(): string {
    const { settings, shutdown } = this.#parts
    const old = settings.lastReload.ok
      ? ''
      : '; the last reload failed, so the configuration is the one before'
    return `${shutdown.status}${old}`
  }
}
