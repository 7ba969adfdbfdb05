import type { Loaded } from '../config/load.ts'
import { ConfigError } from '../config/problem.ts'
import type { Settings, Testing } from '../config/settings.ts'
import type { Reloaded, Status } from '../control/view.ts'
import type { Log } from '../log/log.ts'
import { merge } from './merge.ts'

/** A part of the relay that takes new settings while it runs. */
export interface Follower {
  /** Throws, and changes nothing, when the settings cannot be used. */
  configure(settings: Settings): void
}

export interface LiveSettingsParts {
  readonly log: Log
  /** Reads the configuration again. Throws a `ConfigError` when it cannot be used. */
  readonly load: () => Loaded
  /** What users of the test page sign with. */
  readonly testing: Testing
}

/** The settings in force. A reload hands new ones to every follower, in the order in which they came. */
export class LiveSettings {
  readonly #parts: LiveSettingsParts
  readonly #followers: Follower[] = []
  #loaded: Loaded
  #settings: Settings
  #lastReload: Status['reload'] = { ok: true, at: Date.now(), problems: [] }

  constructor(loaded: Loaded, parts: LiveSettingsParts) {
    this.#parts = parts
    this.#loaded = loaded
    this.#settings = this.#withTesting(loaded.settings)
  }

  get current(): Settings {
    return this.#settings
  }

  /** What was read last. */
  get loaded(): Loaded {
    return this.#loaded
  }

  get lastReload(): Status['reload'] {
    return this.#lastReload
  }

  /** Those that may refuse come first, so that nothing is changed when they do. */
  follow(...followers: readonly Follower[]): void {
    this.#followers.push(...followers)
  }

  /** Reads the configuration and applies it; where that fails, the settings in force stay. */
  reload(): Reloaded {
    const { log } = this.#parts
    try {
      const next = this.#parts.load()
      const { settings, restart } = merge(this.#settings, this.#withTesting(next.settings))
      for (const follower of this.#followers) follower.configure(settings)
      this.#settings = settings
      this.#loaded = next
      this.#lastReload = { ok: true, at: Date.now(), problems: [] }
      for (const warning of next.warnings) log.warn(warning)
      log.info('configuration reloaded', { file: next.source ?? 'built in' })
      if (restart.length > 0) log.warn('these changes need a restart', { keys: restart })
      return { ok: true, problems: [], warnings: next.warnings, restart }
    } catch (error) {
      const problems = error instanceof ConfigError ? error.message.split('\n') : [(error as Error).message]
      this.#lastReload = { ...this.#lastReload, ok: false, problems }
      for (const problem of problems) log.error(`the configuration in use stays: ${problem}`)
      return { ok: false, problems, warnings: [], restart: [] }
    }
  }

  /** Tests begin on the console's pages, so without it there are none. */
  #withTesting(settings: Settings): Settings {
    return settings.console ? { ...settings, testing: this.#parts.testing } : settings
  }
}
