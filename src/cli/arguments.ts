import yargs, { type Argv } from 'yargs'
import { benchOptions } from './bench-options.ts'
import type { CliContext } from './context.ts'
import { controlCommands } from './control-options.ts'
import { doctorOptions } from './doctor-options.ts'
import { UsageError } from './io.ts'
import { IMPORT_TEXTS } from './texts/import-texts.ts'

/**
 * Runs the command that `argv` names and resolves with its exit code; throws
 * `UsageError` where it is not understood. What a command needs is loaded when
 * it runs, so that `--help` is quick.
 */
export async function runCommand(
  argv: readonly string[],
  context: CliContext,
  version: string,
): Promise<number> {
  const outcome = { code: 0 }
  let said = ''
  await commandLine(argv, context, version, outcome).parseAsync(
    [...argv],
    {},
    (_error, _arguments, output) => {
      said = output
    },
  )
  if (said !== '') context.io.stdout.write(`${said}\n`)
  return outcome.code
}

function commandLine(
  argv: readonly string[],
  context: CliContext,
  version: string,
  outcome: { code: number },
): Argv {
  const { texts, language, io } = context
  const { options: text, examples } = texts
  const imports = IMPORT_TEXTS[language]
  const runs =
    <T>(run: (options: T) => Promise<number>) =>
    async (options: T): Promise<void> => {
      outcome.code = await run(options)
    }
  const config = { describe: text.config, type: 'string', requiresArg: true } as const
  const json = { describe: text.json, type: 'boolean', default: false } as const
  const homeserver = { describe: text.homeserver, type: 'string', requiresArg: true } as const
  const host = { describe: text.host, type: 'string', requiresArg: true } as const

  const program = yargs([...argv])
    .scriptName('taciturn')
    .locale(language)
    .usage(texts.program)
    .command(
      'serve',
      texts.commands.serve,
      command => command.options({ config }),
      runs(async options => (await import('./commands/serve.ts')).serve(options, context, version)),
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
      runs(async options => (await import('./commands/init.ts')).init(options, context)),
    )
    .command(
      'validate',
      texts.commands.validate,
      command =>
        command
          .options({ config, effective: { describe: text.effective, type: 'boolean', default: false }, json })
          .example('$0 validate --effective', examples.validate),
      runs(async options => (await import('./commands/validate.ts')).validate(options, context)),
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
      runs(async options => (await import('./commands/credentials.ts')).credentials(options, context)),
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
      runs(async options => (await import('./commands/snippet.ts')).snippet(options, context)),
    )
    .command(
      'bench',
      texts.commands.bench,
      command => benchOptions(command, language, text.json),
      runs(async options => (await import('./commands/bench.ts')).bench(options, context, version)),
    )
    .command(
      'doctor',
      texts.commands.doctor,
      command => doctorOptions(command, language, text.json),
      runs(async options => (await import('./commands/doctor.ts')).doctor(options, context)),
    )
    .command(
      'import <file>',
      imports.command,
      command =>
        command
          .positional('file', { describe: imports.options.file, type: 'string', demandOption: true })
          .options({
            from: {
              describe: imports.options.from,
              choices: ['coturn', 'eturnal'] as const,
              requiresArg: true,
            },
            out: {
              describe: imports.options.out,
              type: 'string',
              requiresArg: true,
              default: 'turnserver.json',
            },
            homeserver: { ...homeserver, describe: imports.options.homeserver },
            force: { describe: text.force, type: 'boolean', default: false },
            json,
          })
          .example('$0 import /etc/turnserver.conf', imports.examples.coturn)
          .example('$0 import /etc/eturnal.yml --json', imports.examples.eturnal),
      runs(async options => (await import('./commands/import.ts')).importConfig(options, context)),
    )

  return controlCommands(program, context, runs)
    .completion('completion', texts.commands.completion)
    .option('lang', { describe: text.lang, choices: ['en', 'de'], requiresArg: true })
    .help('help', text.help)
    .version('version', text.version, version)
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

/** Tells what yargs complains of from what a command threw. */
function refuseUsage(message: string | null, error: Error | undefined): never {
  if (error && error.name !== 'YError') throw error
  throw new UsageError(message ?? error?.message ?? '')
}
