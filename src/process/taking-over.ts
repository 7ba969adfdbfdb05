import { formatAddress, sameAddress } from '../base/address.ts'
import { LinkError } from '../handover/link.ts'
import { handOverPath } from '../handover/protocol.ts'
import { Predecessor } from '../handover/taker.ts'
import type { Log } from '../log/log.ts'
import type { Adoption } from '../operate/adoption.ts'
import type { GivenShard } from '../relay/hand-over/given-shard.ts'
import type { GivenRelay, HandOver } from '../relay/hand-over/hand-over.ts'
import { cannotTakeOver } from '../relay/start-error.ts'
import { continueClock } from '../system/clock.ts'
import type { InheritedSocket } from '../system/inherited-sockets.ts'
import { canAdoptUnread } from '../system/socket-handle.ts'
import type { Engine } from '../workers/engine.ts'

/**
 * Finds the relay that runs with this state folder, to take over from it; undefined
 * where none does. Its clock is ours from then on, so this comes before everything that
 * asks for the time. Throws a `StartError` where it refuses.
 */
export async function findPredecessor(state: string, version: string): Promise<Predecessor | undefined> {
  try {
    const found = await Predecessor.find(handOverPath(state), version)
    if (found) {
      const { time, machine } = found.welcome.clock
      continueClock({ time: time as Parameters<typeof continueClock>[0]['time'], machine: BigInt(machine) })
    }
    return found
  } catch (error) {
    if (error instanceof LinkError) throw cannotTakeOver(error.why)
    throw error
  }
}

/** Milliseconds since a moment of the machine's monotonic clock, with three decimals. */
export function millisecondsSince(moment: bigint): number {
  return Math.round(Number(process.hrtime.bigint() - moment) / 1e3) / 1e3
}

export interface TakingOver {
  readonly engine: Engine
  readonly log: Pick<Log, 'info'>
  /** Tells of the allocations that are taken over. */
  readonly adoption: Adoption
  /** Binds the pages that the other process does not serve. */
  readonly bindPages: () => Promise<void>
  /** Is called when the calls are here, while the other process has them still. */
  readonly kept: () => void
}

/**
 * Takes over, and returns how many allocations stay with the other process.
 * Everything that can fail comes before the other one stops reading, or else
 * before this one begins to.
 */
export async function takeOver(from: Predecessor, parts: TakingOver): Promise<number> {
  const { engine, adoption, bindPages, kept } = parts
  const { handOver } = engine.shards
  try {
    if (!handOver) throw new LinkError({ key: 'upgrade.transport' })
    await handOver.hold()
    await engine.prepare()
    await bindPages()
    const { listening } = from.welcome
    const fresh = engine.bindMissing(listening)
    const rehearsed = await handOver.rehearse(await from.rehearse())
    if (!rehearsed.ok) throw new LinkError(rehearsed.error)
    if (from.copies) await copyAhead(from, handOver)
    const ahead = from.ahead && canAdoptUnread()
    const { relay, since } = await from.take(ahead)
    const taken = await engine.take(relay)
    if (!taken.ok) throw new LinkError(taken.error)
    const gap = ahead
      ? await goOnFromRest(from, { engine, handOver, relay, fresh })
      : await goOnAfterPause(from, { engine, handOver, relay, fresh, since })
    engine.judge()
    const { opened, lost } = taken.value
    // Should memory be too short for it, the other one still has the calls.
    await adoption.adopt(opened)
    await handOver.drop(lost)
    kept()
    return await from.running(opened.length, gap)
  } catch (error) {
    from.fail((error as Error).message)
    throw error instanceof LinkError ? cannotTakeOver(error.why) : error
  }
}

interface GoingOn {
  readonly engine: Engine
  readonly handOver: HandOver
  readonly relay: GivenRelay
  readonly fresh: readonly InheritedSocket[]
}

/** Reads as soon as the other one has stopped, and returns for how many milliseconds nobody has. */
async function goOnFromRest(from: Predecessor, { engine, handOver, relay, fresh }: GoingOn): Promise<number> {
  await engine.openAhead(inherited(relay))
  await handOver.connect(relay)
  const { rest, since } = await from.rest()
  await handOver.takeRest(rest)
  await handOver.go()
  const gap = millisecondsSince(since)
  // New connections have waited in the kernel.
  await engine.open(fresh)
  return gap
}

/** The same where the other one has stopped reading when it gave what it has. */
async function goOnAfterPause(
  from: Predecessor,
  { engine, handOver, relay, fresh, since }: GoingOn & { readonly since: bigint },
): Promise<number> {
  await from.taken()
  await engine.open([...inherited(relay), ...fresh])
  await handOver.connect(relay)
  await handOver.go()
  return millisecondsSince(since)
}

/** How often copies are taken at least and at most, and so few changes are left to the pause. */
const [FEWEST_COPIES, MOST_COPIES] = [3, 8]
const FEW_CHANGES = 20

/**
 * Copies what the other process has while it serves, and then what has changed meanwhile, again and again, so that
 * little is left to do while both wait. However much is left, it is never more than all.
 */
async function copyAhead(from: Predecessor, handOver: HandOver): Promise<void> {
  for (let round = 1; round <= MOST_COPIES; round++) {
    const copies = await from.copy()
    await handOver.receive(copies)
    const changed = copies.reduce((sum, copy) => sum + copy.changed, 0)
    if (round >= FEWEST_COPIES && changed <= FEW_CHANGES) return
  }
}

/** What it listens on. Of several workers each has a socket of its own at every address. */
export function inherited({ shards }: GivenRelay): InheritedSocket[] {
  const [first, ...others] = shards.map(listenersOf)
  return (first ?? []).map(socket => {
    const group = [socket, ...others.map(sockets => sockets.find(one => isSame(one, socket)))]
    if (shards.length === 1) return socket
    if (group.includes(undefined)) throw new LinkError(`not every worker listens on ${socket.name}`)
    return { ...socket, group: group as InheritedSocket[] }
  })
}

function listenersOf({ udp, listeners }: GivenShard): InheritedSocket[] {
  return [
    ...udp
      .filter(({ purpose }) => purpose === 'listener')
      .map(({ id, local, fd }) => ({
        fd,
        socket: id,
        name: formatAddress(local),
        transport: 'udp' as const,
        address: local,
      })),
    ...listeners.map(({ fd, address }) => ({
      fd,
      name: formatAddress(address),
      transport: 'tcp' as const,
      address,
    })),
  ]
}

function isSame(one: InheritedSocket, other: InheritedSocket): boolean {
  return one.transport === other.transport && sameAddress(one.address, other.address)
}
