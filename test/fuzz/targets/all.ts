import type { Target } from '../target.ts'
import { config } from './config.ts'
import { cost } from './cost.ts'
import { front } from './front.ts'
import { imported } from './import.ts'
import { relay, twins } from './relay.ts'
import { wire } from './wire.ts'

/** Everything that can be fuzzed. */
export const TARGETS: readonly Target[] = [wire, front, relay, twins, cost, config, imported]
