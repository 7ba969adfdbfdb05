import { readFileSync } from 'node:fs'
import yargs, { type Argv } from 'yargs'
import { ConfigError, withExcerpt } from '../config/problem.ts'
import type { Context } from './context.ts'
import { CommandError, Exit, type Io, painter } from './io.ts'
import { languageOf } from './language.ts'
import { TEXTS } from './texts.ts'

/** Runs the command that `argv` names (without node and script) and resolves with its exit code. Never rejects. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  const language = languageOf(argv, io.env)
  const context: Context = { io, language, texts: TEXTS[language] }
  const outcome = { code: Exit.ok as number }
  try {
    let said = ''
    await program(argv, context, outcome).parseAsync([...argv], {}, (_error, _arguments, output) => {
      said = output
    })
    if (said !== '') io.stdout.write(`${said}\n`)
    return outcome.code
  } catch (error) {
    return explain(error, argv, context)
  }
}

/** The command line. What a command needs is loaded when it runs, so that `--help` is quick. */
function program(argv: readonly string[], context: Context, outcome: { code: number }): Argv {
  const { texts, language, io } = context
  const { options: text, examples } = texts
  const runs =
    <T>(run: (options: T) => Promise<number>) =>
    async (options: T): Promise<void> => {
      outcome.code = await run(options)
    }
  const config = { describe: text.config, type: 'string', requiresArg: true } as const
  const json = { describe: text.json, type: 'boolean', default: false } as const
  const homeserver = { describe: text.homeserver, type: 'string', requiresArg: true } as const
  const host = { describe: text.host, type: 'string', requiresArg: true } as const

  return yargs([...argv])
    .scriptName('taciturn')
    .locale(language)
    .usage(texts.program)
    .command(
      'serve',
      texts.commands.serve,
      command => command.options({ config }),
      runs(async options => (await import('./serve.ts')).serve(options, context, version())),
    )
    .command(
      'init',
      texts.commands.init,
      command =>
        command
          .options({
            realm: { describe: text.realm, type: 'string', requiresArg: true },
            homeserver: { ...homeserver, describe: text.initHomeserver },
            output: { describe: text.output, type: 'string', requiresArg: true, default: 'turnserver.json' },
            force: { describe: text.force, type: 'boolean', default: false },
          })
          .example('$0 init --realm turn.example.org --homeserver example.org', examples.init),
      runs(async options => (await import('./init.ts')).init(options, context)),
    )
    .command(
      'validate',
      texts.commands.validate,
      command =>
        command
          .options({ config, effective: { describe: text.effective, type: 'boolean', default: false }, json })
          .example('$0 validate --effective', examples.validate),
      runs(async options => (await import('./validate.ts')).validate(options, context)),
    )
    .command(
      'credentials',
      texts.commands.credentials,
      command =>
        command
          .options({
            config,
            user: { describe: text.user, type: 'string', requiresArg: true, demandOption: true },
            ttl: { describe: text.ttl, type: 'string', requiresArg: true, default: '1h' },
            homeserver,
            host,
            json,
          })
          .example('$0 credentials --user @alice:example.org --ttl 1h', examples.credentials),
      runs(async options => (await import('./credentials.ts')).credentials(options, context)),
    )
    .command(
      'snippet [name]',
      texts.commands.snippet,
      command =>
        command
          .positional('name', { describe: text.snippetName, type: 'string' })
          .options({
            config,
            homeserver,
            host,
            'secret-file': { describe: text.secretFile, type: 'string', requiresArg: true },
          })
          .example('$0 snippet synapse', examples.snippet)
          .example('$0 snippet synapse --secret-file /etc/synapse/turn-secret', examples.secretFile),
      runs(async options => (await import('./snippet.ts')).snippet(options, context)),
    )
    .completion('completion', texts.commands.completion)
    .option('lang', { describe: text.lang, choices: ['en', 'de'], requiresArg: true })
    .help('help', text.help)
    .version('version', text.version, version())
    .epilogue(texts.epilogue)
    .demandCommand(1, texts.noCommand)
    .parserConfiguration({
      'duplicate-arguments-array': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
    })
    .recommendCommands()
    .strict()
    .wrap(Math.min(110, io.stdout.columns ?? 100))
    .exitProcess(false)
    .fail(refuseUsage)
}

/** The command line was not understood. */
class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Tells what yargs complains of from what a command threw. */
function refuseUsage(message: string | null, error: Error | undefined): never {
  if (error && error.name !== 'YError') throw error
  throw new UsageError(message ?? error?.message ?? '')
}

function explain(error: unknown, argv: readonly string[], { io, language, texts }: Context): number {
  const paint = painter(io.stderr, io.env)
  const say = (text: string) => void io.stderr.write(`${text}\n`)
  if (error instanceof ConfigError) {
    const colours = { place: 'bold', caret: 'red', mend: 'green' } as const
    for (const problem of error.problems) {
      say(withExcerpt(problem, language, (part, text) => paint(colours[part], text)))
    }
    say(paint('red', texts.problems(error.problems.length)))
    return Exit.config
  }
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof CommandError) {
    say(`${paint('red', 'taciturn:')} ${message}`)
    return error.code
  }
  if (error instanceof UsageError) {
    const command = argv.find(argument => COMMANDS.includes(argument)) ?? ''
    say(`${paint('red', 'taciturn:')} ${message}`)
    say(texts.seeHelp(command))
    return Exit.usage
  }
  // Errors that know their exit code have said all there is to say.
  if (error instanceof Error && 'exitCode' in error && typeof error.exitCode === 'number') {
    say(`${paint('red', 'taciturn:')} ${message}`)
    return error.exitCode
  }
  say(`${paint('red', 'taciturn:')} ${texts.unexpected(message)}`)
  if (io.env.DEBUG && error instanceof Error) say(error.stack ?? '')
  return Exit.failed
}

const COMMANDS: readonly string[] = ['serve', 'init', 'validate', 'credentials', 'snippet', 'completion']

function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}
