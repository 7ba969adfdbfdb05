import type { Argv } from 'yargs'
import { PROFILES } from '../../load/profile.ts'
import { DIRECTIONS, TRANSPORTS } from '../../load/protocol.ts'
import type { CliWords } from '../words.ts'

/** Describes the options of `taciturn bench`. */
export function benchOptions(command: Argv, words: CliWords, json: string) {
  const number = { type: 'number', requiresArg: true } as const
  const path = { type: 'string', requiresArg: true, normalize: true } as const
  const flag = { type: 'boolean' } as const
  return command
    .options({
      profile: {
        describe: words.say('bench.options.profile'),
        choices: PROFILES,
        default: 'call' as const,
        group: words.say('bench.groups.load'),
      },
      transport: {
        describe: words.say('bench.options.transport'),
        choices: TRANSPORTS,
        group: words.say('bench.groups.load'),
      },
      channels: {
        ...flag,
        describe: words.say('bench.options.channels'),
        group: words.say('bench.groups.load'),
      },
      indications: {
        ...flag,
        describe: words.say('bench.options.indications'),
        conflicts: 'channels',
        group: words.say('bench.groups.load'),
      },
      direction: {
        describe: words.say('bench.options.direction'),
        choices: DIRECTIONS,
        default: 'both' as const,
        group: words.say('bench.groups.load'),
      },
      allocations: {
        ...number,
        describe: words.say('bench.options.allocations'),
        group: words.say('bench.groups.load'),
      },
      rate: {
        ...number,
        describe: words.say('bench.options.rate'),
        conflicts: 'search',
        group: words.say('bench.groups.load'),
      },
      search: { ...flag, describe: words.say('bench.options.search'), group: words.say('bench.groups.load') },
      duration: {
        describe: words.say('bench.options.duration'),
        type: 'string',
        requiresArg: true,
        default: '5s',
        group: words.say('bench.groups.load'),
      },
      rounds: {
        ...number,
        describe: words.say('bench.options.rounds'),
        group: words.say('bench.groups.load'),
      },
      size: { ...number, describe: words.say('bench.options.size'), group: words.say('bench.groups.load') },
      burst: {
        ...number,
        describe: words.say('bench.options.burst'),
        default: 1,
        group: words.say('bench.groups.load'),
      },
      open: { ...number, describe: words.say('bench.options.open'), group: words.say('bench.groups.load') },

      server: {
        describe: words.say('bench.options.server'),
        type: 'string',
        requiresArg: true,
        conflicts: ['against', 'workers'],
        group: words.say('bench.groups.server'),
      },
      user: {
        describe: words.say('bench.options.user'),
        type: 'string',
        requiresArg: true,
        implies: 'server',
        conflicts: 'secret-file',
        group: words.say('bench.groups.server'),
      },
      'password-file': {
        ...path,
        describe: words.say('bench.options.passwordFile'),
        implies: 'user',
        group: words.say('bench.groups.server'),
      },
      'secret-file': {
        ...path,
        describe: words.say('bench.options.secretFile'),
        implies: 'server',
        group: words.say('bench.groups.server'),
      },
      insecure: {
        ...flag,
        describe: words.say('bench.options.insecure'),
        default: false,
        group: words.say('bench.groups.server'),
      },
      pid: {
        ...number,
        describe: words.say('bench.options.pid'),
        implies: 'server',
        group: words.say('bench.groups.server'),
      },
      'peer-address': {
        describe: words.say('bench.options.peerAddress'),
        type: 'string',
        requiresArg: true,
        implies: 'server',
        group: words.say('bench.groups.server'),
      },
      against: {
        describe: words.say('bench.options.against'),
        choices: ['coturn'] as const,
        requiresArg: true,
        group: words.say('bench.groups.server'),
      },
      workers: {
        ...number,
        describe: words.say('bench.options.workers'),
        group: words.say('bench.groups.server'),
      },
      udp: {
        describe: words.say('bench.options.udp'),
        choices: ['auto', 'native', 'dgram'] as const,
        default: 'auto' as const,
        group: words.say('bench.groups.server'),
      },

      generators: {
        ...number,
        describe: words.say('bench.options.generators'),
        group: words.say('bench.groups.generator'),
      },
      offload: {
        ...flag,
        describe: words.say('bench.options.offload'),
        default: false,
        group: words.say('bench.groups.generator'),
      },

      json: { ...flag, describe: json, default: false, group: words.say('bench.groups.report') },
      html: { ...path, describe: words.say('bench.options.html'), group: words.say('bench.groups.report') },
      compare: {
        describe: words.say('bench.options.compare'),
        type: 'string',
        array: true,
        requiresArg: true,
        group: words.say('bench.groups.report'),
      },
    })
    .example('$0 bench', words.say('bench.examples.plain'))
    .example('$0 bench --against coturn --html report.html', words.say('bench.examples.coturn'))
    .example(
      '$0 bench --server turn:203.0.113.7 --secret-file secret --profile audio --allocations 100',
      words.say('bench.examples.server'),
    )
    .example('$0 bench --html report.html --compare last-week.json', words.say('bench.examples.compare'))
    .epilogue(words.say('bench.environment'))
}
