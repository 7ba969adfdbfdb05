import { type Change, changesFile, readChanges, withChanges, writtenChanges } from '../config/changes.ts'
import type { Loaded } from '../config/load.ts'
import { ConfigError, inOneLine } from '../config/problem.ts'
import type { Settings, Testing } from '../config/settings.ts'
import type { ChangeFault } from '../control/control.ts'
import type { Reloaded, Status } from '../control/view.ts'
import type { Log } from '../log/log.ts'
import { keepFile } from '../system/kept-file.ts'
import type { Language } from '../texts/language.ts'
import { merge } from './merge.ts'

/** A part of the relay that takes new settings while it runs. */
export interface Follower {
  /** Throws, and changes nothing, when the settings cannot be used. */
  configure(settings: Settings): void
}

export interface LiveSettingsParts {
  readonly log: Log
  /** Reads the configuration again, and calls `between` on the way. Throws a `ConfigError` when it cannot be used. */
  readonly load: (between: () => void) => Loaded
  /** What users of the test page sign with. */
  readonly testing: Testing
  /** Called between the steps of a reload, so that it keeps nobody waiting as a whole. */
  readonly between?: () => void
  /** Resolves when what is open has been judged by settings that were applied. */
  readonly judged?: () => Promise<void>
}

/**
 * The settings in force: those of the file, with what operators have changed
 * laid over them. New ones go to every follower, in the order in which they came.
 */
export class LiveSettings {
  readonly #parts: LiveSettingsParts
  readonly #followers: Follower[] = []
  #loaded: Loaded
  #settings: Settings
  /** As the file has them. */
  #unchanged: Settings
  #changes: readonly Change[] = []
  /** Why the kept changes cannot be read; then none is written over them. */
  #unreadable: ChangeFault['text'] | undefined
  #lastReload: Status['reload'] = { ok: true, at: Date.now(), problems: [] }

  constructor(loaded: Loaded, parts: LiveSettingsParts) {
    this.#parts = parts
    this.#loaded = loaded
    this.#readChanges(loaded.settings.state)
    this.#unchanged = this.#withTesting(loaded.settings)
    this.#settings = withChanges(this.#unchanged, this.#changes)
  }

  get current(): Settings {
    return this.#settings
  }

  /** Those of the file alone. */
  get unchanged(): Settings {
    return this.#unchanged
  }

  /** What operators have changed, the oldest first. */
  get changes(): readonly Change[] {
    return this.#changes
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

  /**
   * Reads the configuration and applies it; where that fails, the settings in force stay, and the answer says why
   * in the language of the one who asks. It answers when the settings hold for what was open before, too.
   */
  async reload(language: Language = 'en'): Promise<Reloaded> {
    const reloaded = this.#reload(language)
    if (!reloaded.ok) return reloaded
    await this.#parts.judged?.()
    const { log } = this.#parts
    for (const warning of reloaded.warnings) log.warn(warning)
    log.info('configuration reloaded', { file: this.#loaded.source ?? 'built in' })
    if (reloaded.restart.length > 0) log.warn('these changes need a restart', { keys: reloaded.restart })
    return reloaded
  }

  #reload(language: Language): Reloaded {
    const { log } = this.#parts
    try {
      const next = this.#parts.load(() => this.#parts.between?.())
      this.#parts.between?.()
      this.#readChanges(this.#settings.state)
      const { settings: unchanged, restart } = merge(this.#unchanged, this.#withTesting(next.settings))
      this.#parts.between?.()
      this.#apply(withChanges(unchanged, this.#changes))
      this.#unchanged = unchanged
      this.#loaded = next
      this.#lastReload = { ok: true, at: Date.now(), problems: [] }
      return { ok: true, problems: [], warnings: next.warnings, restart }
    } catch (error) {
      const problems = error instanceof ConfigError ? error.message.split('\n') : [(error as Error).message]
      this.#lastReload = { ...this.#lastReload, ok: false, problems }
      for (const problem of problems) log.error(`the configuration in use stays: ${problem}`)
      const told =
        error instanceof ConfigError ? error.problems.map(one => inOneLine(one, language)) : problems
      return { ok: false, problems: told, warnings: [], restart: [] }
    }
  }

  /**
   * Keeps these changes and applies them; otherwise says why not, and nothing has changed. To be called when the one
   * before is done.
   */
  async change(changes: readonly Change[]): Promise<ChangeFault['text'] | undefined> {
    if (this.#unreadable !== undefined) return this.#unreadable
    const before = this.#changes
    const file = changesFile(this.#settings.state)
    try {
      await keepFile(file, [writtenChanges(changes)])
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      return { key: 'change.notKept', values: { file, why: code ?? message } }
    }
    try {
      this.#apply(withChanges(this.#unchanged, changes))
    } catch (error) {
      await keepFile(file, [writtenChanges(before)])
      return { key: 'change.notApplied', values: { why: (error as Error).message } }
    }
    this.#changes = changes
    await this.#parts.judged?.()
    return undefined
  }

  #apply(settings: Settings): void {
    for (const follower of this.#followers) {
      follower.configure(settings)
      this.#parts.between?.()
    }
    this.#settings = settings
  }

  #readChanges(state: string): void {
    const read = readChanges(state)
    const file = changesFile(state)
    this.#unreadable = read.ok ? undefined : { key: 'change.unreadable', values: { file } }
    if (read.ok) this.#changes = read.value
    else {
      const why = `${file} cannot be read: ${read.error}`
      this.#parts.log.error('changes made by operators are not in force', { why })
    }
  }

  /** Tests begin on the console's pages, so without it there are none. */
  #withTesting(settings: Settings): Settings {
    return settings.console ? { ...settings, testing: this.#parts.testing } : settings
  }
}
