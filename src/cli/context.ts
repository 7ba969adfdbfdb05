import { resolve } from 'node:path'
import type { Loaded } from '../config/load.ts'
import type { Language } from '../texts/language.ts'
import { type Io, painter } from './io.ts'
import type { CliWords } from './words.ts'

/** What every command is handed. */
export interface CliContext {
  readonly io: Io
  readonly language: Language
  readonly words: CliWords
}

/** Options that several commands have. */
export interface ConfigOption {
  readonly config?: string | undefined
}

/**
 * Reads the configuration for a command. Warnings go to stderr; throws `ConfigError` where it is invalid.
 */
export async function loadFor(
  { config }: ConfigOption,
  { io, language, words }: CliContext,
  options: { mayWrite: boolean; warn: boolean },
): Promise<Loaded> {
  const { load } = await import('../config/load.ts')
  const loaded = load({
    ...(config !== undefined && { path: config }),
    env: io.env,
    cwd: io.cwd,
    language,
    mayWrite: options.mayWrite,
  })
  const paint = painter(io.stderr, io.env)
  if (options.warn) {
    for (const warning of loaded.warnings)
      io.stderr.write(`${paint('yellow', `${words.say('warning')}:`)} ${warning}\n`)
  }
  return loaded
}

/** A path as the commands' working directory has it. */
export function absolute(path: string, io: Io): string {
  return resolve(io.cwd, path)
}
