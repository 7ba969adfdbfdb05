import type { Argv } from 'yargs'
import type { Language } from '../config/messages/messages.ts'
import { PROFILES } from '../load/profile.ts'
import { DIRECTIONS, TRANSPORTS } from '../load/protocol.ts'
import { BENCH_TEXTS } from './texts/bench-texts.ts'

/** Describes the options of `taciturn bench`. */
export function benchOptions(command: Argv, language: Language, json: string) {
  const { options: text, groups, examples, environment } = BENCH_TEXTS[language]
  const number = { type: 'number', requiresArg: true } as const
  const path = { type: 'string', requiresArg: true, normalize: true } as const
  const flag = { type: 'boolean' } as const
  return command
    .options({
      profile: { describe: text.profile, choices: PROFILES, default: 'call' as const, group: groups.load },
      transport: { describe: text.transport, choices: TRANSPORTS, group: groups.load },
      channels: { ...flag, describe: text.channels, group: groups.load },
      indications: { ...flag, describe: text.indications, conflicts: 'channels', group: groups.load },
      direction: {
        describe: text.direction,
        choices: DIRECTIONS,
        default: 'both' as const,
        group: groups.load,
      },
      allocations: { ...number, describe: text.allocations, group: groups.load },
      rate: { ...number, describe: text.rate, conflicts: 'search', group: groups.load },
      search: { ...flag, describe: text.search, group: groups.load },
      duration: {
        describe: text.duration,
        type: 'string',
        requiresArg: true,
        default: '5s',
        group: groups.load,
      },
      rounds: { ...number, describe: text.rounds, group: groups.load },
      size: { ...number, describe: text.size, group: groups.load },
      burst: { ...number, describe: text.burst, default: 1, group: groups.load },
      open: { ...number, describe: text.open, group: groups.load },

      server: {
        describe: text.server,
        type: 'string',
        requiresArg: true,
        conflicts: ['against', 'workers'],
        group: groups.server,
      },
      user: {
        describe: text.user,
        type: 'string',
        requiresArg: true,
        implies: 'server',
        conflicts: 'secret-file',
        group: groups.server,
      },
      'password-file': { ...path, describe: text.passwordFile, implies: 'user', group: groups.server },
      'secret-file': { ...path, describe: text.secretFile, implies: 'server', group: groups.server },
      insecure: { ...flag, describe: text.insecure, default: false, group: groups.server },
      pid: { ...number, describe: text.pid, implies: 'server', group: groups.server },
      'peer-address': {
        describe: text.peerAddress,
        type: 'string',
        requiresArg: true,
        implies: 'server',
        group: groups.server,
      },
      against: {
        describe: text.against,
        choices: ['coturn'] as const,
        requiresArg: true,
        group: groups.server,
      },
      workers: { ...number, describe: text.workers, group: groups.server },
      udp: {
        describe: text.udp,
        choices: ['auto', 'native', 'dgram'] as const,
        default: 'auto' as const,
        group: groups.server,
      },

      generators: { ...number, describe: text.generators, group: groups.generator },
      offload: { ...flag, describe: text.offload, default: false, group: groups.generator },

      json: { ...flag, describe: json, default: false, group: groups.report },
      html: { ...path, describe: text.html, group: groups.report },
      compare: {
        describe: text.compare,
        type: 'string',
        array: true,
        requiresArg: true,
        group: groups.report,
      },
    })
    .example('$0 bench', examples.plain)
    .example('$0 bench --against coturn --html report.html', examples.coturn)
    .example(
      '$0 bench --server turn:203.0.113.7 --secret-file secret --profile audio --allocations 100',
      examples.server,
    )
    .example('$0 bench --html report.html --compare last-week.json', examples.compare)
    .epilogue(environment)
}
