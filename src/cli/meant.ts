import { nearest } from '../config/values/nearest.ts'
import { UsageError } from './io.ts'
import { COMMANDS, commandWord } from './overview.ts'
import type { CliWords } from './words.ts'

/** Words that other programs have for what is wanted, and the command that does it here. */
const MEANT: Readonly<Record<string, string>> = {
  run: 'taciturn serve',
  start: 'taciturn serve',
  up: 'taciturn serve',
  stop: 'systemctl stop taciturn',
  down: 'systemctl stop taciturn',
  check: 'taciturn validate',
  lint: 'taciturn validate',
  test: 'taciturn doctor',
  ping: 'taciturn doctor',
  log: 'taciturn logs',
  journal: 'taciturn logs',
  info: 'taciturn status',
  stats: 'taciturn status',
  list: 'taciturn sessions',
  ls: 'taciturn sessions',
  users: 'taciturn sessions',
  kick: 'taciturn disconnect',
  blocked: 'taciturn bans',
  undrain: 'taciturn drain --cancel',
  restart: 'taciturn upgrade',
  'hand-over': 'taciturn upgrade',
}

/** Throws `UsageError` where the command line names a command that is not there, with what may be meant. */
export function refuseUnknownCommand(argv: readonly string[], words: CliWords): void {
  const word = commandWord(argv)
  if (word === undefined || COMMANDS.includes(word)) return
  if (Object.hasOwn(MEANT, word)) throw new UsageError(words.say('meant', { word, command: MEANT[word]! }))
  const guess = nearest(word, COMMANDS)
  throw new UsageError(
    guess === undefined
      ? words.say('usage.command', { word })
      : words.say('usage.commandGuess', { word, guess }),
  )
}
