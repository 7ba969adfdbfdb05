import { Counters } from '../../base/counters.ts'
import { Shard } from '../../shard/shard.ts'
import { monotonicClock } from '../../system/clock.ts'
import { openCore } from '../shard-core.ts'
import type { ShardEnvironment } from '../shard-environment.ts'
import type { LocalShardParts } from '../shard-parts.ts'

/**
 * A fresh shard that can neither hear nor say anything, to find out whether a snapshot can be restored before
 * anything is taken over.
 */
export function openRehearsal(
  { clock = monotonicClock, record: _, shared: __, journal: ___, ...parts }: LocalShardParts,
  environment: ShardEnvironment,
): Shard {
  const core = openCore({
    parts,
    environment,
    counters: new Counters(),
    clock,
    withKernel: false,
    boundTo: () => undefined,
    settled: ignore,
  })
  const sockets = { via: () => 'udp' as const, send: ignore, sendOne: ignore, close: ignore }
  return new Shard(core.relay, [core.forwarder], () => ({
    clock,
    sockets,
    serves: () => true,
    open: ignore,
    ended: ignore,
    refer: ignore,
    host: ignore,
    tell: ignore,
    continue: ignore,
  }))
}

function ignore(): void {}
