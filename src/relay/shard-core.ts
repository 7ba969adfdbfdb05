import type { Counters } from '../base/counters.ts'
import { Lifetimes } from '../base/lifetimes.ts'
import type { Clock } from '../base/time.ts'
import { Relay } from '../core/relay.ts'
import type { Forwarder } from '../forward/forwarder.ts'
import type { KernelForwarderParts } from '../forward/kernel/kernel-forwarder.ts'
import { RouteTable } from '../forward/route-table.ts'
import { Meters } from '../limits/meters.ts'
import { Recorder } from '../recording/recorder.ts'
import type { FaultLog } from './guarded-inbox.ts'
import { KernelRelaying } from './kernel/kernel-relaying.ts'
import { RecordingFile, type RecordingTo } from './recording-file.ts'
import { random } from './relay-config.ts'
import type { ShardEnvironment } from './shard-environment.ts'
import type { LocalShardParts } from './shard-parts.ts'

export interface ShardCoreParts extends Pick<KernelForwarderParts, 'boundTo' | 'settled'> {
  readonly parts: LocalShardParts
  readonly environment: ShardEnvironment
  readonly counters: Counters
  readonly clock: Clock
  /** Whether routes are given to the kernel while its maps are there. */
  readonly withKernel: boolean
}

/** What relays in a shard, without its sockets. */
export interface ShardCore {
  readonly relay: Relay
  readonly forwarder: Forwarder
  readonly kernel: KernelRelaying | undefined
  readonly recording: RecordingFile | undefined
}

/** Makes the core of a shard and what forwards for it, which share counters, token buckets and lifetimes. */
export function openCore(made: ShardCoreParts): ShardCore {
  const { environment, counters, clock, boundTo, settled } = made
  const { shared, record, log } = made.parts
  const journal = shared?.lasting.journal ?? made.parts.journal
  const { buckets, keys, debts, proofs } = shared ?? {}
  const common = { counters, meters: shared?.meters ?? new Meters(), lifetimes: new Lifetimes() }
  const recording = record && openRecording(record, log)
  const relay = new Relay({
    ...common,
    config: environment.config,
    environment: environment.asked,
    buckets,
    keys,
    debts,
    proofs,
    witness: recording?.witness,
    journal,
  })
  const table = new RouteTable(counters, common.meters, common.lifetimes, random)
  const kernel = made.withKernel
    ? new KernelRelaying({ ...common, behind: table, clock, shared, boundTo, settled })
    : undefined
  return { relay, forwarder: kernel?.forwarder ?? table, kernel, recording: recording?.file }
}

function openRecording(to: RecordingTo, log: FaultLog): { file: RecordingFile; witness: Recorder } {
  const file = new RecordingFile(to, why =>
    log.limited('recording', 'warn', 'the recording has stopped; the relay goes on', () => ({ why })),
  )
  return { file, witness: new Recorder(to, entry => file.take(entry)) }
}
