import type { CliKey, CliWords } from './words.ts'

interface CommandGroup {
  readonly title: CliKey
  readonly commands: readonly (readonly [name: string, says: CliKey])[]
}

/** Every command once, in the order in which a newcomer needs them. */
const GROUPS: readonly CommandGroup[] = [
  {
    title: 'overview.groups.setUp',
    commands: [
      ['init', 'commands.init'],
      ['setup', 'commands.setup'],
      ['import', 'import.command'],
      ['validate', 'commands.validate'],
      ['serve', 'commands.serve'],
    ],
  },
  {
    title: 'overview.groups.connect',
    commands: [
      ['snippet', 'commands.snippet'],
      ['credentials', 'commands.credentials'],
    ],
  },
  {
    title: 'overview.groups.running',
    commands: [
      ['status', 'control.commands.status'],
      ['sessions', 'control.commands.sessions'],
      ['disconnect', 'control.commands.disconnect'],
      ['drain', 'control.commands.drain'],
      ['upgrade', 'control.commands.upgrade'],
      ['reload', 'control.commands.reload'],
      ['logs', 'logs.command'],
      ['ban', 'bans.commands.ban'],
      ['bans', 'bans.commands.bans'],
      ['unban', 'bans.commands.unban'],
      ['notify', 'control.commands.notify'],
      ['kernel', 'commands.kernel'],
      ['usage', 'usage.commands.usage'],
      ['usage-link', 'control.commands.usageLink'],
      ['ledger', 'usage.commands.ledger'],
      ['report', 'report.command'],
      ['backup', 'backup.command'],
      ['console', 'control.commands.console'],
    ],
  },
  {
    title: 'overview.groups.change',
    commands: [
      ['block', 'control.commands.block'],
      ['unblock', 'control.commands.unblock'],
      ['pause', 'control.commands.pause'],
      ['resume', 'control.commands.resume'],
      ['limit', 'control.commands.limit'],
      ['changes', 'control.commands.changes'],
      ['undo', 'control.commands.undo'],
    ],
  },
  {
    title: 'overview.groups.test',
    commands: [
      ['doctor', 'commands.doctor'],
      ['test-link', 'control.commands.testLink'],
      ['test-result', 'control.commands.testResult'],
      ['bench', 'commands.bench'],
      ['replay', 'commands.replay'],
    ],
  },
  {
    title: 'overview.groups.about',
    commands: [
      ['help', 'commands.help'],
      ['version', 'commands.version'],
      ['completion', 'commands.completion'],
    ],
  },
]

/** Names of all commands. */
export const COMMANDS: readonly string[] = GROUPS.flatMap(({ commands }) => commands.map(([name]) => name))

/** What `taciturn` alone prints: the commands by what they are for, and the options of all of them. */
export function overview(words: CliWords): string {
  const options: readonly (readonly [string, CliKey])[] = [
    ['    --lang', 'options.lang'],
    ['-h, --help', 'options.help'],
    ['-v, --version', 'options.version'],
  ]
  const width = Math.max(...COMMANDS.map(name => name.length))
  const blocks = GROUPS.map(({ title, commands }) => [
    `${words.say(title)}:`,
    ...commands.map(([name, says]) => `  taciturn ${name.padEnd(width)}  ${words.say(says)}`),
  ])
  const common = options.map(([name, says]) => `  ${name.padEnd(width + 9)}  ${words.say(says)}`)
  const parts = [
    [words.say('program')],
    [words.say('overview.usage')],
    ...blocks,
    [`${words.say('overview.options')}:`, ...common],
    [words.say('epilogue')],
  ]
  return `${parts.map(lines => lines.join('\n')).join('\n\n')}\n`
}

/** The word of the command line that stands where a command should; undefined where there is none. */
export function commandWord(argv: readonly string[]): string | undefined {
  return argv.find(
    (word, i) => !word.startsWith('-') && !['--lang', '-c', '--config'].includes(argv[i - 1] ?? ''),
  )
}
