import yargs, { type Argv } from 'yargs'
import { benchOptions } from './bench/bench-options.ts'
import type { CliContext } from './context.ts'
import { controlCommands } from './control/control-options.ts'
import { doctorOptions } from './doctor-options.ts'
import { Exit, UsageError } from './io.ts'
import { refuseUnknownCommand } from './meant.ts'
import { commandWord, overview } from './overview.ts'
import { importCommand, type Runs, setUpCommands } from './set-up-options.ts'
import { complaints, explainUsage } from './usage.ts'

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
  const { io, words } = context
  const isCompleting = argv[0] === COMPLETIONS
  if (!isCompleting) refuseUnknownCommand(argv, words)
  const command = commandWord(argv)
  const asks = (...options: string[]) => argv.some(word => options.includes(word))
  const isHelp = asks('-h', '--help')
  if (!isHelp && (command === 'version' || (command === undefined && asks('-v', '-V', '--version')))) {
    io.stdout.write(`${version}\n`)
    return Exit.ok
  }
  const wanted = command === 'help' ? commandWord(argv.slice(argv.indexOf(command) + 1)) : undefined
  if (wanted !== undefined) {
    refuseUnknownCommand([wanted], words)
    return runCommand([wanted, '--help'], context, version)
  }
  if (command === 'help' || (command === undefined && (argv.length === 0 || isHelp))) {
    io.stdout.write(overview(words))
    return Exit.ok
  }
  return parsed(argv, context, version)
}

/** What a shell's completion script says that it wants to complete. */
const COMPLETIONS = '--get-yargs-completions'

async function parsed(argv: readonly string[], context: CliContext, version: string): Promise<number> {
  const outcome = { code: 0 }
  let said = ''
  let complaint: string | undefined
  const program = commandLine(argv, context, version, outcome).fail((message, error) => {
    // What a command threw is not about the command line.
    if (error && error.name !== 'YError') throw error
    complaint ??= message ?? error?.message ?? ''
    throw new UsageError(complaint)
  })
  try {
    await program.parseAsync([...argv], {}, (_error, _arguments, output) => {
      said = output
    })
  } catch (error) {
    if (complaint === undefined) throw error
    const options = await optionsOf(commandWord(argv), context, version)
    throw new UsageError(explainUsage(complaint, argv, options, context.words))
  }
  if (said !== '') context.io.stdout.write(`${said}\n`)
  return outcome.code
}

/** The options that a command has, without dashes, as its help names them. */
async function optionsOf(
  command: string | undefined,
  context: CliContext,
  version: string,
): Promise<string[]> {
  if (command === undefined) return ['lang', 'help', 'version']
  const argv = [command, '--help']
  let help = ''
  await commandLine(argv, context, version, { code: 0 }).parseAsync(
    argv,
    {},
    (_error, _arguments, output) => {
      help = output
    },
  )
  return [...help.matchAll(/^ +(?:-\w, )?--([\w-]+)/gm)].map(([, name]) => name!)
}

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
    .command('help [command]', words.say('commands.help'), command =>
      command.positional('command', { describe: words.say('options.helpCommand'), type: 'string' }),
    )
    .command('version', words.say('commands.version'))
    .completion('completion', words.say('commands.completion'))
    .option('lang', { describe: words.say('options.lang'), choices: ['en', 'de'], requiresArg: true })
    .help('help', words.say('options.help'))
    .alias('help', 'h')
    .version('version', words.say('options.version'), version)
    .alias('version', 'v')
    .epilogue(words.say('epilogue'))
    .demandCommand(1)
    .parserConfiguration({
      'duplicate-arguments-array': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
    })
    .updateStrings(complaints() as Record<string, string>)
    .strict()
    .wrap(Math.min(110, io.stdout.columns ?? 100))
    .exitProcess(false)
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
