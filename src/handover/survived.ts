import { formatAddress } from '../base/address.ts'
import { failed, type Result, succeeded } from '../base/result.ts'
import type { Random, Time } from '../base/time.ts'
import { isStream } from '../base/via.ts'
import { drawId } from '../core/book.ts'
import { SNAPSHOT_VERSION } from '../core/snapshot/envelope.ts'
import type { AllocationRecord } from '../core/snapshot/parts.ts'
import { writeKnown } from '../core/snapshot/write.ts'
import type { SharedJournal } from '../journal/journal.ts'
import type { GivenShard, GivenUdp } from '../relay/hand-over/given-shard.ts'
import { NOT_OPEN } from '../system/descriptors.ts'
import { completed } from '../system/slices.ts'
import type { Description, JournalFile } from './journal-file.ts'
import type { LeftState } from './left.ts'

/** Milliseconds within which a process that ends again has the same trouble. */
const AGAIN = 30_000
/** So many ends in a row, and the next process takes nothing up: what ends them may be in it. */
const HOPELESS = 8
/** So many processes have ended while they took it up, and the next one does not try. */
const TRIES = 4

/** What the next process has to know of those that have ended without a word, should it end so, too. */
export type Deaths = Pick<Description, 'deaths' | 'suspects'>

export const NO_DEATHS: Deaths = { deaths: 0, suspects: [] }

/** What a process that ended without a word has left, as far as it can be known. */
export interface Survived {
  readonly state: LeftState
  readonly deaths: Deaths
  /** Calls that have ended with the process: their connections did, or their time is over, or they are in doubt. */
  readonly lost: number
}

/**
 * Reads the journals of a process that ended without a word, such as by SIGKILL: one of each shard. Only the number of
 * tries is changed, which stands in the first.
 * Says why where nobody should go on from them. `machine`: the machine's monotonic clock, in nanoseconds.
 */
export function readSurvived(
  files: readonly [JournalFile, ...JournalFile[]],
  machine: bigint,
  random: Random,
): Result<Survived, string> {
  const [file] = files
  const said = file.read()
  if (!said) return failed('its description cannot be read, or is of another version')
  if (said.snapshot !== SNAPSHOT_VERSION)
    return failed(`version ${said.version} has left it in another format`)
  if (said.tries >= TRIES) return failed(`${said.tries} processes have died over it`)
  if (files.length !== said.shards.length)
    return failed(`of ${said.shards.length} journals there are ${files.length}`)
  // What ends this process, or holds it up, is not read again and again.
  noteTry(file, true)
  try {
    const journals = files.map(({ journal }) => journal)
    return read(journals, said, machine, random)
  } catch (error) {
    return failed(`it cannot be read: ${(error as Error).message}`)
  } finally {
    noteTry(file, false)
  }
}

function read(
  journals: readonly SharedJournal[],
  said: Description,
  machine: bigint,
  random: Random,
): Result<Survived, string> {
  const { beat } = journals[0]!
  const isAgain = beat - said.began < AGAIN
  const deaths = isAgain ? said.deaths + 1 : 1
  if (deaths >= HOPELESS) return failed(`${deaths} processes have died one soon after the other`)
  const time = (said.clock.time + Number(machine - BigInt(said.clock.machine)) / 1e6) as Time
  const keys = { nonces: said.nonces, tickets: said.tickets }
  const suspects: number[] = []
  let lost = 0
  const shards = journals.map((journal, i) => {
    const { served } = journal
    if (served !== undefined) suspects.push(served)
    const inDoubt = isAgain && served !== undefined && said.suspects.includes(served) ? served : undefined
    const { allocations, damaged } = journal.adopt(() => true)
    const going = allocations.filter(one => one.id !== inDoubt && goesOn(one, time))
    lost += allocations.length + damaged - going.length
    const snapshot = completed(writeKnown({ keys, allocations: going }, drawId(random), time))
    return shardOf(said.shards[i]!, going, snapshot)
  })
  return succeeded({
    state: {
      version: said.version,
      clock: { time, machine },
      since: BigInt(Math.round(beat * 1e6)),
      relay: shards.length === 1 ? { shards } : { shards, common: { keys, reserved: [] } },
    },
    deaths: { deaths, suspects },
    lost,
  })
}

/**
 * Writes down that a process goes on from this, or has failed to in good order: what ends one process after the other
 * is not tried again and again.
 */
export function noteTry(file: JournalFile, began: boolean): void {
  const said = file.read()
  if (!said) return
  const { shards, nonces, tickets, tries, ...same } = said
  file.describe({
    ...same,
    shards: shards.map(({ listeners, doors }) => ({
      listeners: listeners.map(({ id, local }) => ({ id, local: formatAddress(local) })),
      doors,
    })),
    nonces: nonces.toString('base64'),
    tickets: tickets.toString('base64'),
    tries: began ? tries + 1 : Math.max(0, tries - 1),
  })
}

/** Connections have ended with the process. A client with a ticket may come back to its allocation. */
function goesOn({ client, mobility, legs }: AllocationRecord, now: Time): boolean {
  return (mobility !== undefined || !isStream(client.via)) && legs.some(({ expires }) => expires > now)
}

/** As if that process had given it, without descriptors: sockets are bound anew, at the addresses that they had. */
function shardOf(
  { listeners, doors }: Description['shards'][number],
  allocations: readonly AllocationRecord[],
  snapshot: Buffer,
): GivenShard {
  const relays = allocations.flatMap(({ legs }) =>
    legs.map(
      ({ relay }): GivenUdp => ({ id: relay.socket, purpose: 'relay', local: relay.address, fd: NOT_OPEN }),
    ),
  )
  return {
    snapshot,
    udp: [...listeners.map(one => ({ ...one, purpose: 'listener' as const, fd: NOT_OPEN })), ...relays],
    listeners: [],
    connections: [],
    reserved: [],
    doors,
  }
}
