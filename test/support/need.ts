import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** The path of a command, or undefined when this machine has none of that name. */
export function which(command: string): string | undefined {
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']) {
    try {
      accessSync(join(folder, command), constants.X_OK)
      return join(folder, command)
    } catch {}
  }
  return undefined
}

/**
 * Options for a test that needs these commands: skipped with the reason where
 * one is missing, except in CI, where the test runs and fails.
 */
export function need(...commands: string[]): { skip: string | false } {
  const missing = commands.filter(command => !which(command))
  return { skip: missing.length > 0 && !process.env.CI && `not installed here: ${missing.join(', ')}` }
}
