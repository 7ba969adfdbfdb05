import type { Argv } from 'yargs'
import type { CliWords } from './words.ts'

/** Describes the options of `taciturn doctor`. No secret, token or password is one: others see a command line. */
export function doctorOptions(command: Argv, words: CliWords, json: string) {
  const one = { type: 'string', requiresArg: true, coerce: last } as const
  const several = { type: 'string', array: true, nargs: 1, requiresArg: true } as const
  const flag = { type: 'boolean', default: false } as const
  return command
    .options({
      config: {
        ...one,
        alias: 'c',
        describe: words.say('doctor.options.config'),
        group: words.say('doctor.groups.what'),
      },
      homeserver: {
        ...one,
        describe: words.say('doctor.options.homeserver'),
        group: words.say('doctor.groups.what'),
      },
      'turn-uri': {
        ...several,
        describe: words.say('doctor.options.turnUri'),
        conflicts: 'homeserver',
        group: words.say('doctor.groups.what'),
      },
      livekit: {
        ...one,
        describe: words.say('doctor.options.livekit'),
        group: words.say('doctor.groups.what'),
      },

      'token-file': {
        ...one,
        describe: words.say('doctor.options.tokenFile'),
        implies: 'homeserver',
        group: words.say('doctor.groups.who'),
      },
      user: { ...one, describe: words.say('doctor.options.user'), group: words.say('doctor.groups.who') },
      'password-file': {
        ...one,
        describe: words.say('doctor.options.passwordFile'),
        implies: 'user',
        group: words.say('doctor.groups.who'),
      },
      'secret-file': {
        ...one,
        describe: words.say('doctor.options.secretFile'),
        group: words.say('doctor.groups.who'),
      },

      'from-outside': {
        ...flag,
        describe: words.say('doctor.options.fromOutside'),
        group: words.say('doctor.groups.how'),
      },
      resolve: {
        ...several,
        describe: words.say('doctor.options.resolve'),
        group: words.say('doctor.groups.how'),
      },
      stun: { ...one, describe: words.say('doctor.options.stun'), group: words.say('doctor.groups.how') },
      json: { ...flag, describe: json, group: words.say('doctor.groups.how') },
    })
    .example('$0 doctor --homeserver example.org --config turnserver.json', words.say('doctor.examples.here'))
    .example('$0 doctor --from-outside --homeserver example.org', words.say('doctor.examples.outside'))
    .example(
      '$0 doctor --turn-uri turn:203.0.113.7:3478 --secret-file secret',
      words.say('doctor.examples.uri'),
    )
    .epilogue(words.say('doctor.environment'))
    .parserConfiguration({
      'duplicate-arguments-array': true,
      'parse-numbers': false,
      'parse-positional-numbers': false,
    })
}

/** Of an option that is given twice, the last one counts. */
function last(given: string | readonly string[]): string {
  return typeof given === 'string' ? given : (given.at(-1) ?? '')
}
