import type { Argv } from 'yargs'
import type { Language } from '../config/messages/messages.ts'
import { DOCTOR_TEXTS } from './texts/doctor-texts.ts'

/** Describes the options of `taciturn doctor`. No secret, token or password is one: others see a command line. */
export function doctorOptions(command: Argv, language: Language, json: string) {
  const { options: text, groups, examples, environment } = DOCTOR_TEXTS[language]
  const one = { type: 'string', requiresArg: true, coerce: last } as const
  const several = { type: 'string', array: true, nargs: 1, requiresArg: true } as const
  const flag = { type: 'boolean', default: false } as const
  return command
    .options({
      config: { ...one, describe: text.config, group: groups.what },
      homeserver: { ...one, describe: text.homeserver, group: groups.what },
      'turn-uri': { ...several, describe: text.turnUri, conflicts: 'homeserver', group: groups.what },
      livekit: { ...one, describe: text.livekit, group: groups.what },

      'token-file': { ...one, describe: text.tokenFile, implies: 'homeserver', group: groups.who },
      user: { ...one, describe: text.user, group: groups.who },
      'password-file': { ...one, describe: text.passwordFile, implies: 'user', group: groups.who },
      'secret-file': { ...one, describe: text.secretFile, group: groups.who },

      'from-outside': { ...flag, describe: text.fromOutside, group: groups.how },
      resolve: { ...several, describe: text.resolve, group: groups.how },
      stun: { ...one, describe: text.stun, group: groups.how },
      json: { ...flag, describe: json, group: groups.how },
    })
    .example('$0 doctor --homeserver example.org --config turnserver.json', examples.here)
    .example('$0 doctor --from-outside --homeserver example.org', examples.outside)
    .example('$0 doctor --turn-uri turn:203.0.113.7:3478 --secret-file secret', examples.uri)
    .epilogue(environment)
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
