import type { Argv } from 'yargs'
import type { Language } from '../config/messages/messages.ts'
import type { CliContext } from './context.ts'
import { CONTROL_TEXTS } from './texts/control-texts.ts'

type Runs = <T>(run: (options: T) => Promise<number>) => (options: T) => Promise<void>

/** Adds the commands that talk to a running relay. */
export function controlCommands<T>(program: Argv<T>, context: CliContext, runs: Runs): Argv<T> {
  const language: Language = context.language
  const { commands, options: text } = CONTROL_TEXTS[language]
  const { config: configText, json: jsonText } = context.texts.options
  const one = { type: 'string', requiresArg: true } as const
  const flag = { type: 'boolean', default: false } as const
  const where = {
    config: { ...one, describe: configText },
    socket: { ...one, describe: text.socket },
    json: { ...flag, describe: jsonText },
  } as const
  const watch = { ...flag, describe: text.watch }
  const control = () => import('./commands/control.ts')
  return program
    .command(
      'status',
      commands.status,
      command => command.options({ ...where, watch }),
      runs(async options => (await control()).status(options, context)),
    )
    .command(
      'sessions',
      commands.sessions,
      command =>
        command.options({
          ...where,
          watch,
          names: { ...flag, describe: text.names },
          homeserver: { ...one, describe: text.homeserver },
          user: { ...one, describe: text.user },
          transport: { ...one, describe: text.transport, choices: ['udp', 'tcp', 'tls'] },
          limit: { ...one, describe: text.limit },
        }),
      runs(async options => (await control()).sessions(options, context)),
    )
    .command(
      'disconnect [id]',
      commands.disconnect,
      command =>
        command
          .positional('id', { describe: text.session, type: 'string' })
          .options({ ...where, user: { ...one, describe: text.pseudonym } }),
      runs(async options => (await control()).disconnect(options, context)),
    )
    .command(
      'drain',
      commands.drain,
      command => command.options(where),
      runs(async options => (await control()).drain(options, context)),
    )
    .command(
      'reload',
      commands.reload,
      command => command.options(where),
      runs(async options => (await control()).reload(options, context)),
    )
    .command(
      'console',
      commands.console,
      command =>
        command.options({
          ...where,
          rights: { ...one, describe: text.rights, choices: ['read', 'act'], default: 'act' },
          ttl: { ...one, describe: text.ttl, default: '1h' },
        }),
      runs(async options => (await control()).consoleLink(options, context)),
    )
    .command(
      'test-link',
      commands.testLink,
      command =>
        command.options({
          ...where,
          ttl: { ...one, describe: text.testTtl, default: '30m' },
          uses: { type: 'number', requiresArg: true, describe: text.uses, default: 1 },
        }),
      runs(async options => (await control()).testLink(options, context)),
    )
    .command(
      'test-result <code>',
      commands.testResult,
      command =>
        command
          .positional('code', { describe: text.code, type: 'string', demandOption: true })
          .options(where),
      runs(async options => (await control()).testResult(options, context)),
    )
}
