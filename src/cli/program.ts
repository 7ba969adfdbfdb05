import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { messageOf } from '../base/stack.ts'
import { ForbiddenFile } from '../config/find.ts'
import { ConfigError, type Problem, withExcerpt } from '../config/problem.ts'
import { descriptors } from '../system/descriptors.ts'
import { LANGUAGES } from '../texts/language.ts'
import type { ServeArguments } from './commands/serve.ts'
import type { CliContext } from './context.ts'
import { CommandError, Exit, type Io, painter, UsageError } from './io.ts'
import { COMMANDS } from './overview.ts'
import { cliWords, languageOf } from './words.ts'

/** Runs the command that `argv` names (without node and script) and resolves with its exit code. Never rejects. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  const language = languageOf(argv, io.env)
  const context: CliContext = { io, language, words: cliWords(language) }
  try {
    if (hasEmptyConfig(argv)) throw new CommandError(context.words.say('configEmpty'), Exit.usage)
    const plain = plainServe(argv)
    if (plain) return await (await import('./commands/serve.ts')).serve(plain, context, version())
    return await (await import('./arguments.ts')).runCommand(argv, context, version())
  } catch (error) {
    return await explain(error, argv, context)
  }
}

/** An unset variable of a shell (`--config "$FILE"`) must not mean the built-in defaults. */
function hasEmptyConfig(argv: readonly string[]): boolean {
  return argv.some(
    (argument, i) =>
      argument === '--config=' || (['--config', '-c'].includes(argument) && argv[i + 1] === ''),
  )
}

/**
 * The options of `serve`, where there is nothing to explain about them. The
 * relay runs for months, and yargs would stay in its memory: some 5 MB.
 */
function plainServe(argv: readonly string[]): ServeArguments | undefined {
  if (argv[0] !== 'serve') return undefined
  try {
    const { values, positionals } = parseArgs({
      args: argv.slice(1),
      options: {
        config: { type: 'string', short: 'c' },
        record: { type: 'string' },
        'take-over': { type: 'boolean' },
        lang: { type: 'string' },
      },
      allowPositionals: true,
    })
    const isKnown = values.lang === undefined || LANGUAGES.some(language => language === values.lang)
    if (!isKnown) return undefined
    const [config, ...more] = [...(values.config === undefined ? [] : [values.config]), ...positionals]
    if (more.length > 0 || config === '') return undefined
    return { config, record: values.record, takeOver: values['take-over'] }
  } catch {
    return undefined
  }
}

async function explain(error: unknown, argv: readonly string[], context: CliContext): Promise<number> {
  const { io, language, words } = context
  const paint = painter(io.stderr, io.env)
  const say = (text: string) => void io.stderr.write(`${text}\n`)
  const closed = closedFile(error, io.cwd)
  if (closed !== undefined) {
    const { forbiddenText } = await import('./forbidden.ts')
    say(`${paint('red', 'taciturn:')} ${forbiddenText(closed, argv, context)}`)
    return Exit.refused
  }
  if (error instanceof ConfigError) {
    const colours = { place: 'bold', caret: 'red', fix: 'green' } as const
    for (const problem of error.problems) {
      say(withExcerpt(problem, language, (part, text) => paint(colours[part], text)))
    }
    say(paint('red', words.count('problems', error.problems.length)))
    return Exit.config
  }
  const message = messageOf(error)
  if (error instanceof CommandError) {
    say(`${paint('red', 'taciturn:')} ${message}`)
    return error.code
  }
  if (error instanceof UsageError) {
    const command = argv.find(argument => argument !== 'help' && COMMANDS.includes(argument)) ?? ''
    say(`${paint('red', 'taciturn:')} ${message}`)
    say(words.say('seeHelp', { command: `taciturn ${command}`.trimEnd() }))
    return Exit.usage
  }
  // Errors that know their exit code have said all there is to say.
  if (error instanceof Error && 'exitCode' in error && typeof error.exitCode === 'number') {
    say(`${paint('red', 'taciturn:')} ${message}`)
    return error.exitCode
  }
  if (isOutOfDescriptors(error)) {
    say(`${paint('red', 'taciturn:')} ${words.say('noDescriptors', { limit: String(descriptors.limit) })}`)
    return Exit.failed
  }
  say(`${paint('red', 'taciturn:')} ${words.say('unexpected', { message })}`)
  if (io.env.DEBUG && error instanceof Error) say(error.stack ?? '')
  return Exit.failed
}

/** The configuration file, where all that is wrong with it is that this user may not read it. */
function closedFile(error: unknown, cwd: string): string | undefined {
  if (error instanceof ForbiddenFile) return error.path
  if (!(error instanceof ConfigError) || error.problems.length !== 1) return undefined
  const [{ path, fault }] = error.problems as [Problem]
  if (path.length > 0 || fault.key !== 'file-unreadable') return undefined
  // As a shell takes it.
  return resolve(cwd, String(fault.values.file).replace(/^'(.*)'$/, '$1'))
}

/** Reading a program takes descriptors too, some of it at once. */
function isOutOfDescriptors(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EMFILE' || error.code === 'ENFILE')
}

function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}
