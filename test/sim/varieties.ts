import type { SimOptions } from './sim.ts'

/** Relays that differ in what there is to know of their state, by name. */
export const VARIETIES = [
  ['the core alone', { forwarder: 'none' }],
  ['a table', { forwarder: 'table', openDelay: 700 }],
  [
    'limits',
    {
      forwarder: 'none',
      limits: {
        bytesPerSecondPerUser: 2000,
        bytesPerSecond: 5000,
        peersPerUserPerMinute: 3,
        unverifiedAnswersPerNetwork: 2,
        unverifiedAnswers: 5,
        backOff: true,
      },
    },
  ],
] as const satisfies readonly (readonly [string, SimOptions])[]
