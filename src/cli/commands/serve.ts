import { absolute, type CliContext, type ConfigOption } from '../context.ts'
import { CommandError, Exit } from '../io.ts'

export interface ServeArguments extends ConfigOption {
  readonly record?: string | undefined
  readonly takeOver?: boolean | undefined
}

/**
 * Runs the relay until it is told to stop, and resolves with the exit code.
 * Throws `ConfigError` or `CommandError` where it cannot start; nothing is bound then.
 */
export async function serve(
  { config, record, takeOver = false }: ServeArguments,
  { io, language, words }: CliContext,
  version: string,
): Promise<number> {
  if (takeOver && record !== undefined)
    throw new CommandError(words.say('options.noRecordedTakeOver'), Exit.usage)
  const server = await import('../../process/serve.ts')
  const running = await server
    .startService({
      version,
      load: { ...(config !== undefined && { path: config }), env: io.env, cwd: io.cwd, language },
      stdout: io.stdout,
      stderr: io.stderr,
      record: record === undefined ? undefined : absolute(record, io),
      takeOver,
      program: [...process.execArgv, process.argv[1]!, 'serve'],
    })
    .catch(async error => {
      const { StartError } = await import('../../relay/start-error.ts')
      throw error instanceof StartError ? new CommandError(error.messageIn(language), error.exitCode) : error
    })
  return running.finished
}
