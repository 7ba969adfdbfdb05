import type { Argv } from 'yargs'
import type { CliContext } from './context.ts'
import { CommandError, Exit } from './io.ts'
import type { CliWords } from './words.ts'

/** Runs a command and keeps its exit code. */
export type Runs = <T>(run: (options: T) => Promise<number>) => (options: T) => Promise<void>

/** Options that several commands have. */
function commonOptions({ words }: CliContext) {
  const one = { type: 'string', requiresArg: true } as const
  return {
    config: { ...one, alias: 'c', describe: words.say('options.config') },
    file: { describe: words.say('options.configFile'), type: 'string' },
    json: { describe: words.say('options.json'), type: 'boolean', default: false },
    homeserver: { ...one, describe: words.say('options.homeserver') },
    host: { ...one, describe: words.say('options.host') },
    force: { describe: words.say('options.force'), type: 'boolean', default: false },
  } as const
}

/** The configuration that is named, as an option or as a word of its own. */
function configOf(
  options: { readonly config?: string | undefined; readonly file?: string | undefined },
  words: CliWords,
): { readonly config?: string } {
  const { config, file } = options
  if (config !== undefined && file !== undefined)
    throw new CommandError(words.say('configTwice', { file }), Exit.usage)
  const named = config ?? file
  // An unset variable of a shell must not mean the built-in defaults.
  if (named === '') throw new CommandError(words.say('configEmpty'), Exit.usage)
  return named === undefined ? {} : { config: named }
}

/** The commands that run the relay and set it up. */
export function setUpCommands(program: Argv, context: CliContext, runs: Runs, version: string): Argv {
  const { words } = context
  const { config, file, json, homeserver, host, force } = commonOptions(context)
  return program
    .command(
      'serve [file]',
      words.say('commands.serve'),
      command =>
        command.positional('file', file).options({
          config,
          record: { describe: words.say('options.record'), type: 'string', requiresArg: true },
          'take-over': { describe: words.say('options.takeOver'), type: 'boolean' },
        }),
      runs(async options =>
        (await import('./commands/serve.ts')).serve(
          { ...configOf(options, words), record: options.record, takeOver: options.takeOver },
          context,
          version,
        ),
      ),
    )
    .command(
      'init',
      words.say('commands.init'),
      command =>
        command
          .options({
            realm: { describe: words.say('options.realm'), type: 'string', requiresArg: true },
            homeserver: { ...homeserver, describe: words.say('options.initHomeserver') },
            'public-address': {
              describe: words.say('options.publicAddress'),
              type: 'string',
              requiresArg: true,
            },
            'map-ports': { describe: words.say('options.mapPorts'), type: 'boolean' },
            certificate: {
              describe: words.say('options.certificate'),
              choices: ['none', 'letsencrypt'] as const,
              requiresArg: true,
            },
            output: {
              alias: 'o',
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
      'setup',
      words.say('commands.setup'),
      command =>
        command.options({
          output: {
            alias: 'o',
            describe: words.say('options.output'),
            type: 'string',
            requiresArg: true,
            default: 'turnserver.json',
          },
          port: {
            describe: words.say('options.setupPort'),
            type: 'string',
            requiresArg: true,
            default: '9643',
          },
          start: { describe: words.say('options.setupStart'), type: 'boolean', default: true },
          force,
        }),
      runs(async options => (await import('./commands/setup.ts')).setUp(options, context, version)),
    )
    .command(
      'validate [file]',
      words.say('commands.validate'),
      command =>
        command
          .positional('file', file)
          .options({
            config,
            effective: { describe: words.say('options.effective'), type: 'boolean', default: false },
            json,
          })
          .example('$0 validate --effective', words.say('examples.validate')),
      runs(async options =>
        (await import('./commands/validate.ts')).validate(
          { ...options, ...configOf(options, words) },
          context,
        ),
      ),
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
            user: { describe: words.say('options.snippetUser'), type: 'string', requiresArg: true },
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

/** The command that reads another server's configuration. */
export function importCommand(program: Argv, context: CliContext, runs: Runs): Argv {
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
          output: {
            ...one,
            alias: ['o', 'out'],
            describe: words.say('import.options.out'),
            default: 'turnserver.json',
          },
          homeserver: { ...homeserver, describe: words.say('import.options.homeserver') },
          force,
          json,
        })
        .example('$0 import /etc/turnserver.conf', words.say('import.examples.coturn'))
        .example('$0 import /etc/eturnal.yml --json', words.say('import.examples.eturnal')),
    runs(async options =>
      (await import('./commands/import.ts')).importConfig({ ...options, out: options.output }, context),
    ),
  )
}
