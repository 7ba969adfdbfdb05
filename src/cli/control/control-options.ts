import type { Argv } from 'yargs'
import { KERNEL_FOLDER } from '../../kernel/places.ts'
import type { CliContext } from '../context.ts'
import type { Runs } from '../set-up-options.ts'

/** Adds the commands that talk to a running relay, or to what loads its programs into the kernel. */
export function controlCommands<T>(program: Argv<T>, context: CliContext, runs: Runs): Argv<T> {
  const operating = kernelCommand(operatingCommands(program, context, runs), context, runs)
  const guarding = guardingCommands(operating, context, runs)
  const changing = changeCommands(guarding, context, runs)
  const using = backupCommand(usageCommands(changing, context, runs), context, runs)
  return linkCommands(using, context, runs)
}

function kernelCommand<T>(program: Argv<T>, context: CliContext, runs: Runs): Argv<T> {
  const { words } = context
  const actions = ['up', 'down', 'status'] as const
  return program.command(
    'kernel <action>',
    words.say('commands.kernel'),
    command =>
      command
        .positional('action', {
          describe: words.say('options.kernelAction'),
          choices: actions,
          demandOption: true,
        })
        .options({
          folder: {
            describe: words.say('options.kernelFolder'),
            type: 'string',
            requiresArg: true,
            default: KERNEL_FOLDER,
          },
          device: { describe: words.say('options.device'), type: 'string', requiresArg: true },
          attach: {
            describe: words.say('options.attach'),
            choices: ['auto', 'tc', 'xdp'] as const,
            default: 'auto' as const,
          },
          json: { describe: words.say('options.json'), type: 'boolean', default: false },
        }),
    runs(async options => {
      const { kernelUp, kernelDown, kernelStatus } = await import('../commands/kernel.ts')
      const run = { up: kernelUp, down: kernelDown, status: kernelStatus }[options.action]
      return run(options, context)
    }),
  )
}

/** What the commands have in common: how the relay is found, and the form of the answer. */
function optionParts({ words }: CliContext) {
  const one = { type: 'string', requiresArg: true } as const
  const flag = { type: 'boolean', default: false } as const
  const where = {
    config: { ...one, alias: 'c', describe: words.say('options.config') },
    socket: { ...one, describe: words.say('control.options.socket') },
    json: { ...flag, describe: words.say('options.json') },
  } as const
  return { one, flag, where } as const
}

function operatingCommands<T>(program: Argv<T>, context: CliContext, runs: Runs): Argv<T> {
  const { words } = context
  const { one, flag, where } = optionParts(context)
  const watch = { ...flag, describe: words.say('control.options.watch') }
  const control = () => import('../commands/control.ts')
  return program
    .command(
      'status',
      words.say('control.commands.status'),
      command =>
        command.options({
          ...where,
          watch,
          ready: { ...flag, describe: words.say('control.options.ready') },
        }),
      runs(async options => (await control()).status(options, context)),
    )
    .command(
      'sessions',
      words.say('control.commands.sessions'),
      command =>
        command.options({
          ...where,
          watch,
          names: { ...flag, describe: words.say('control.options.names') },
          homeserver: { ...one, describe: words.say('control.options.homeserver') },
          user: { ...one, describe: words.say('control.options.user') },
          transport: {
            ...one,
            describe: words.say('control.options.transport'),
            choices: ['udp', 'tcp', 'tls'],
          },
          limit: { ...one, describe: words.say('control.options.limit') },
        }),
      runs(async options => (await control()).sessions(options, context)),
    )
    .command(
      'disconnect [id]',
      words.say('control.commands.disconnect'),
      command =>
        command
          .positional('id', { describe: words.say('control.options.session'), type: 'string' })
          .options({ ...where, user: { ...one, describe: words.say('control.options.pseudonym') } }),
      runs(async options => (await control()).disconnect(options, context)),
    )
    .command(
      'drain',
      words.say('control.commands.drain'),
      command =>
        command.options({
          ...where,
          cancel: { ...flag, describe: words.say('control.options.cancelDrain') },
        }),
      runs(async options => (await control()).drain(options, context)),
    )
    .command(
      'upgrade',
      words.say('control.commands.upgrade'),
      command =>
        command.options({
          ...where,
          'when-idle': { ...flag, describe: words.say('control.options.whenIdle') },
        }),
      runs(async options => (await import('../commands/upgrade.ts')).upgrade(options, context)),
    )
    .command(
      'reload',
      words.say('control.commands.reload'),
      command => command.options(where),
      runs(async options => (await control()).reload(options, context)),
    )
}

/** The commands that say what happened, keep clients out and tell people. */
function guardingCommands<T>(program: Argv<T>, context: CliContext, runs: Runs): Argv<T> {
  const { words } = context
  const { one, flag, where } = optionParts(context)
  return program
    .command(
      'logs',
      words.say('logs.command'),
      command =>
        command
          .options({
            ...where,
            follow: { ...flag, alias: 'f', describe: words.say('logs.options.follow') },
            level: {
              ...one,
              describe: words.say('logs.options.level'),
              choices: ['trace', 'debug', 'info', 'warn', 'error'],
              default: 'info',
            },
            user: { ...one, describe: words.say('logs.options.user') },
            session: { ...one, describe: words.say('logs.options.session') },
            lines: { ...one, alias: 'n', describe: words.say('logs.options.lines'), default: '200' },
            since: { ...one, describe: words.say('logs.options.since'), default: '1d' },
            file: { ...one, describe: words.say('logs.options.file') },
            unit: { ...one, describe: words.say('logs.options.unit'), default: 'taciturn' },
          })
          .example('$0 logs --follow --level warn', words.say('logs.example')),
      runs(async options => (await import('../commands/logs.ts')).logs(options, context)),
    )
    .command(
      'ban [network]',
      words.say('bans.commands.ban'),
      command =>
        command
          .positional('network', { describe: words.say('bans.options.network'), type: 'string' })
          .options({
            ...where,
            session: { ...one, describe: words.say('bans.options.session') },
            for: { ...one, describe: words.say('bans.options.for'), default: '1d' },
            reason: { ...one, describe: words.say('bans.options.reason') },
          })
          .example('$0 ban 203.0.113.7 --for 1h', words.say('bans.example')),
      runs(async options => (await import('../commands/bans.ts')).ban(options, context)),
    )
    .command(
      'bans',
      words.say('bans.commands.bans'),
      command => command.options(where),
      runs(async options => (await import('../commands/bans.ts')).bans(options, context)),
    )
    .command(
      'unban <network>',
      words.say('bans.commands.unban'),
      command =>
        command
          .positional('network', {
            describe: words.say('bans.options.lift'),
            type: 'string',
            demandOption: true,
          })
          .options(where),
      runs(async options => (await import('../commands/bans.ts')).unban(options, context)),
    )
    .command(
      'notify',
      words.say('control.commands.notify'),
      command =>
        command.options({
          ...where,
          test: { ...flag, describe: words.say('control.options.notifyTest'), demandOption: true },
        }),
      runs(async options => (await import('../commands/notify.ts')).notify(options, context)),
    )
}

/** The commands of the ledger. */
function usageCommands<T>(program: Argv<T>, context: CliContext, runs: Runs): Argv<T> {
  const { words } = context
  const { one, flag, where } = optionParts(context)
  const commands = () => import('../commands/usage.ts')
  const by = ['hour', 'day', 'month', 'all'] as const
  const actions = ['export', 'forget', 'rotate-key'] as const
  return program
    .command(
      'usage',
      words.say('usage.commands.usage'),
      command =>
        command
          .options({
            ...where,
            by: { describe: words.say('usage.options.by'), choices: by, default: 'day' as const },
            per: {
              describe: words.say('usage.options.per'),
              type: 'string',
              array: true,
              default: [] as string[],
            },
            from: { ...one, describe: words.say('usage.options.from') },
            to: { ...one, describe: words.say('usage.options.to') },
            user: { ...one, describe: words.say('usage.options.user') },
            homeserver: { ...one, describe: words.say('usage.options.homeserver') },
            csv: { ...flag, describe: words.say('usage.options.csv') },
          })
          .example('$0 usage --by month --per user', words.say('usage.example')),
      runs(async options => (await commands()).usage(options, context)),
    )
    .command(
      'ledger <action> [user]',
      words.say('usage.commands.ledger'),
      command =>
        command
          .positional('action', {
            describe: words.say('usage.options.action'),
            choices: actions,
            demandOption: true,
          })
          .positional('user', { describe: words.say('usage.options.whom'), type: 'string' })
          .options({
            ...where,
            output: { ...one, describe: words.say('usage.options.output') },
            dropOld: { ...flag, describe: words.say('usage.options.dropOld') },
          }),
      runs(async options => (await commands()).ledger(options, context)),
    )
    .command(
      'report',
      words.say('report.command'),
      command =>
        command
          .options({
            ...where,
            month: { describe: words.say('report.options.month'), type: 'string' },
            quarter: { describe: words.say('report.options.quarter'), type: 'string' },
            costs: { ...one, describe: words.say('report.options.costs') },
            public: { ...flag, describe: words.say('report.options.public') },
            publish: { ...one, describe: words.say('report.options.publish') },
            csv: { ...flag, describe: words.say('report.options.csv') },
          })
          .example('$0 report > report.html', words.say('report.example')),
      runs(async options => (await import('../commands/report.ts')).usageReport(options, context)),
    )
}

function backupCommand<T>(program: Argv<T>, context: CliContext, runs: Runs): Argv<T> {
  const { words } = context
  const { one, flag, where } = optionParts(context)
  const actions = ['make', 'list', 'restore', 'key'] as const
  return program.command(
    'backup [action] [name]',
    words.say('backup.command'),
    command =>
      command
        .positional('action', {
          describe: words.say('backup.options.action'),
          choices: actions,
          default: 'make' as const,
        })
        .positional('name', { describe: words.say('backup.options.name'), type: 'string' })
        .options({
          config: where.config,
          file: { ...one, describe: words.say('backup.options.file') },
          identity: { ...one, describe: words.say('backup.options.identity') },
          output: { ...one, describe: words.say('backup.options.output') },
          replace: { ...flag, describe: words.say('backup.options.replace') },
          json: where.json,
        })
        .example('$0 backup restore --identity key.txt', words.say('backup.example')),
    runs(async options => (await import('../backups/backup.ts')).backup(options, context)),
  )
}

/** The commands that change what the configuration file says, until that is undone. */
function changeCommands<T>(program: Argv<T>, context: CliContext, runs: Runs): Argv<T> {
  const { words } = context
  const { one, where } = optionParts(context)
  const commands = () => import('../commands/changes.ts')
  const name = {
    describe: words.say('control.options.homeserverName'),
    type: 'string',
    demandOption: true,
  } as const
  const who = { describe: words.say('control.options.whom'), type: 'string', demandOption: true } as const
  const homeserver = { ...one, describe: words.say('control.options.ofHomeserver') }
  return program
    .command(
      'block <user>',
      words.say('control.commands.block'),
      command =>
        command
          .positional('user', who)
          .options({ ...where, for: { ...one, describe: words.say('control.options.for') }, homeserver })
          .example('$0 block @mallory:example.org --for 7d', words.say('examples.block')),
      runs(async options => (await commands()).block(options, context)),
    )
    .command(
      'unblock <user>',
      words.say('control.commands.unblock'),
      command => command.positional('user', who).options(where),
      runs(async options => (await commands()).unblock(options, context)),
    )
    .command(
      'pause <homeserver>',
      words.say('control.commands.pause'),
      command => command.positional('homeserver', name).options(where),
      runs(async options => (await commands()).pause({ ...options, paused: true }, context)),
    )
    .command(
      'resume <homeserver>',
      words.say('control.commands.resume'),
      command => command.positional('homeserver', name).options(where),
      runs(async options => (await commands()).pause({ ...options, paused: false }, context)),
    )
    .command(
      'limit [key] [value]',
      words.say('control.commands.limit'),
      command =>
        command
          .positional('key', { describe: words.say('control.options.limitKey'), type: 'string' })
          .positional('value', { describe: words.say('control.options.limitValue'), type: 'string' })
          .options({ ...where, homeserver })
          .example("$0 limit bitratePerUser '4 Mbit/s'", words.say('examples.limit')),
      runs(async options => (await commands()).limit(options, context)),
    )
    .command(
      'changes',
      words.say('control.commands.changes'),
      command => command.options(where),
      runs(async options => (await commands()).changes(options, context)),
    )
    .command(
      'undo [id]',
      words.say('control.commands.undo'),
      command =>
        command
          .positional('id', { describe: words.say('control.options.change'), type: 'string' })
          .options(where),
      runs(async options => (await commands()).undo(options, context)),
    )
}

/** The commands that make links, and read what came of them. */
function linkCommands<T>(program: Argv<T>, context: CliContext, runs: Runs): Argv<T> {
  const { words } = context
  const { one, where } = optionParts(context)
  const control = () => import('../commands/control.ts')
  return program
    .command(
      'console',
      words.say('control.commands.console'),
      command =>
        command.options({
          ...where,
          rights: {
            ...one,
            describe: words.say('control.options.rights'),
            choices: ['read', 'act'],
            default: 'act',
          },
          ttl: { ...one, describe: words.say('control.options.ttl'), default: '1h' },
        }),
      runs(async options => (await control()).consoleLink(options, context)),
    )
    .command(
      'test-link',
      words.say('control.commands.testLink'),
      command =>
        command.options({
          ...where,
          ttl: { ...one, describe: words.say('control.options.testTtl'), default: '30m' },
          uses: {
            ...one,
            describe: words.say('control.options.uses'),
            default: '1',
          },
        }),
      runs(async options => (await control()).testLink(options, context)),
    )
    .command(
      'usage-link <user>',
      words.say('control.commands.usageLink'),
      command =>
        command
          .positional('user', {
            describe: words.say('control.options.usageUser'),
            type: 'string',
            demandOption: true,
          })
          .options({
            ...where,
            homeserver: { ...one, describe: words.say('control.options.usageHomeserver') },
            ttl: { ...one, describe: words.say('control.options.usageTtl'), default: '1d' },
          }),
      runs(async options => (await control()).usageLink(options, context)),
    )
    .command(
      'test-result <code> [number]',
      words.say('control.commands.testResult'),
      command =>
        command
          .positional('code', {
            describe: words.say('control.options.code'),
            type: 'string',
            demandOption: true,
          })
          .positional('number', { describe: words.say('control.options.codeNumber'), type: 'string' })
          .options(where),
      runs(async options => (await control()).testResult(options, context)),
    )
}
