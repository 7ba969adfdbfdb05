import yargs, { type Argv } from 'yargs'
import { benchOptions } from './bench-options.ts'
import type { CliContext } from './context.ts'
import { controlCommands } from './control-options.ts'
import { doctorOptions } from './doctor-options.ts'
import { UsageError } from './io.ts'
import { meantCommand } from './meant.ts'

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
  const meant = meantCommand(argv)
  if (meant) throw new UsageError(context.words.say('meant', meant))
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

type Runs = <T>(run: (options: T) => Promise<number>) => (options: T) => Promise<void>

function commandLine(
  argv: readonly string[],
  context: CliContext,
  version: string,
  outcome: { code: number },
): Argv {
  const { words, language, io } = context
  const runs: Runs = run => async options => {
    outcome.code = await run(options)
  }
  const start = yargs([...argv])
    .scriptName('taciturn')
    .locale(language)
    .usage(words.say('program'))
  const setUp = setUpCommands(start, context, runs, version)
  const measuring = measuringCommands(setUp, context, runs, version)
  return controlCommands(importCommand(measuring, context, runs), context, runs)
    .completion('completion', words.say('commands.completion'))
    .option('lang', { describe: words.say('options.lang'), choices: ['en', 'de'], requiresArg: true })
    .help('help', words.say('options.help'))
    .version('version', words.say('options.version'), version)
    .epilogue(words.say('epilogue'))
    .demandCommand(1, words.say('noCommand'))
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

/** Options that several commands have. */
function commonOptions({ words }: CliContext) {
  const one = { type: 'string', requiresArg: true } as const
  return {
    config: { ...one, describe: words.say('options.config') },
    json: { describe: words.say('options.json'), type: 'boolean', default: false },
    homeserver: { ...one, describe: words.say('options.homeserver') },
    host: { ...one, describe: words.say('options.host') },
    force: { describe: words.say('options.force'), type: 'boolean', default: false },
  } as const
}

/** The commands that run the relay and set it up. */
function setUpCommands(program: Argv, context: CliContext, runs: Runs, version: string): Argv {
  const { words } = context
  const { config, json, homeserver, host, force } = commonOptions(context)
  return program
    .command(
      'serve',
      words.say('commands.serve'),
      command =>
        command.options({
          config,
          record: { describe: words.say('options.record'), type: 'string', requiresArg: true },
        }),
      runs(async options => (await import('./commands/serve.ts')).serve(options, context, version)),
    )
    .command(
      'init',
      words.say('commands.init'),
      command =>
        command
          .options({
            realm: { describe: words.say('options.realm'), type: 'string', requiresArg: true },
            homeserver: { ...homeserver, describe: words.say('options.initHomeserver') },
            output: {
              describe: words.say('options.output'),
              type: 'string',
              requiresArg: true,
              default: 'turnserver.json',
            },
            force,
          })
          .example('$0 init --realm turn.example.org --homeserver example.org', words.say('examples.init')),
      runs(async options => (await import('./commands/init.ts')).init(options, context)),
    )
    .command(
      'validate',
      words.say('commands.validate'),
      command =>
        command
          .options({
            config,
            effective: { describe: words.say('options.effective'), type: 'boolean', default: false },
            json,
          })
          .example('$0 validate --effective', words.say('examples.validate')),
      runs(async options => (await import('./commands/validate.ts')).validate(options, context)),
    )
    .command(
      'credentials',
      words.say('commands.credentials'),
      command =>
        command
          .options({
            config,
            user: {
              describe: words.say('options.user'),
              type: 'string',
              requiresArg: true,
              demandOption: true,
            },
            ttl: { describe: words.say('options.ttl'), type: 'string', requiresArg: true, default: '1h' },
            homeserver,
            host,
            json,
          })
          .example('$0 credentials --user @alice:example.org --ttl 1h', words.say('examples.credentials')),
      runs(async options => (await import('./commands/credentials.ts')).credentials(options, context)),
    )
    .command(
      'snippet [name]',
      words.say('commands.snippet'),
      command =>
        command
          .positional('name', { describe: words.say('options.snippetName'), type: 'string' })
          .options({
            config,
            homeserver,
            host,
            'secret-file': { describe: words.say('options.secretFile'), type: 'string', requiresArg: true },
          })
          .example('$0 snippet synapse', words.say('examples.snippet'))
          .example(
            '$0 snippet synapse --secret-file /etc/synapse/turn-secret',
            words.say('examples.secretFile'),
          ),
      runs(async options => (await import('./commands/snippet.ts')).snippet(options, context)),
    )
}

/** The commands that try a relay out. */
function measuringCommands(program: Argv, context: CliContext, runs: Runs, version: string): Argv {
  const { words } = context
  const json = words.say('options.json')
  return program
    .command(
      'bench',
      words.say('commands.bench'),
      command => benchOptions(command, words, json),
      runs(async options => (await import('./commands/bench.ts')).bench(options, context, version)),
    )
    .command(
      'doctor',
      words.say('commands.doctor'),
      command => doctorOptions(command, words, json),
      runs(async options => (await import('./commands/doctor.ts')).doctor(options, context)),
    )
    .command(
      'replay <file>',
      words.say('commands.replay'),
      command =>
        command
          .positional('file', {
            describe: words.say('options.replayFile'),
            type: 'string',
            demandOption: true,
          })
          .options({
            client: { describe: words.say('options.replayClient'), type: 'string', requiresArg: true },
            errors: { describe: words.say('options.replayErrors'), type: 'boolean', default: false },
            json: { describe: json, type: 'boolean', default: false },
          })
          .example('$0 replay relay.recording --errors', words.say('examples.replay')),
      runs(async options => (await import('./commands/replay.ts')).replay(options, context)),
    )
}

function importCommand(program: Argv, context: CliContext, runs: Runs): Argv {
  const { words } = context
  const { homeserver, force, json } = commonOptions(context)
  const one = { type: 'string', requiresArg: true } as const
  return program.command(
    'import <file>',
    words.say('import.command'),
    command =>
      command
        .positional('file', {
          describe: words.say('import.options.file'),
          type: 'string',
          demandOption: true,
        })
        .options({
          from: {
            describe: words.say('import.options.from'),
            choices: ['coturn', 'eturnal'] as const,
            requiresArg: true,
          },
          out: { ...one, describe: words.say('import.options.out'), default: 'turnserver.json' },
          homeserver: { ...homeserver, describe: words.say('import.options.homeserver') },
          force,
          json,
        })
        .example('$0 import /etc/turnserver.conf', words.say('import.examples.coturn'))
        .example('$0 import /etc/eturnal.yml --json', words.say('import.examples.eturnal')),
    runs(async options => (await import('./commands/import.ts')).importConfig(options, context)),
  )
}

/** Tells what yargs complains of from what a command threw. */
function refuseUsage(message: string | null, error: Error | undefined): never {
  if (error && error.name !== 'YError') throw error
  throw new UsageError(message ?? error?.message ?? '')
}
