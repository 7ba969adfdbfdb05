import { formatAddress } from '../base/address.ts'
import { failed, type Result, succeeded } from '../base/result.ts'
import { descriptorsOf } from '../handover/given.ts'
import { JournalFile } from '../handover/journal-file.ts'
import { type LeftState, mark, readLeft } from '../handover/left.ts'
import { type Deaths, NO_DEATHS, noteTry, readSurvived } from '../handover/survived.ts'
import type { Log } from '../log/log.ts'
import type { TakenAllocation } from '../relay/hand-over/shard-hand-over.ts'
import { random } from '../relay/relay-config.ts'
import { StartError } from '../relay/start-error.ts'
import { continueClock } from '../system/clock.ts'
import { NOT_OPEN } from '../system/descriptors.ts'
import type { InheritedSocket } from '../system/inherited-sockets.ts'
import { loadAddon, type NativeAddon } from '../system/native-addon.ts'
import { storedDescriptors } from '../system/stored-descriptors.ts'
import type { Engine } from '../workers/engine.ts'
import { isJournalName, namesOfJournals } from './stored-journal.ts'
import type { Systemd } from './systemd.ts'
import { inherited, millisecondsSince } from './taking-over.ts'

export interface TakingUpParts {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly systemd: Pick<Systemd, 'drop'>
  readonly log: Pick<Log, 'info' | 'warn'>
}

/** Calls that wait to be taken up, and how their last process ended. */
interface Waiting {
  readonly state: LeftState
  readonly after: 'stop' | 'crash'
  readonly deaths: Deaths
  readonly lost: number
  /** Says that this process takes them up, or does not after all. */
  mark(isTakenUp: boolean): void
}

type Stored = ReadonlyMap<string, number>

/**
 * Finds what the process before this one has left with the service manager, or what it
 * knew when it ended without a word; undefined where there is nothing that can be read.
 * Its clock is ours from then on, so this comes before everything that asks for the time.
 */
export function findLeftCalls(parts: TakingUpParts): LeftCalls | undefined {
  const addon = loadAddon()
  const stored = storedDescriptors(parts.env)
  if (stored.size === 0 || !addon.ok) return undefined
  const waiting = findWaiting(addon.value, stored)
  if (!waiting.ok) {
    parts.systemd.drop([...stored.keys()])
    for (const fd of stored.values()) addon.value.release(fd)
    parts.log.warn('the calls of the process before this one have ended', { why: waiting.error })
    return undefined
  }
  const { time, machine } = waiting.value.state.clock
  continueClock({ time: time as Parameters<typeof continueClock>[0]['time'], machine })
  return new LeftCalls(addon.value, stored, waiting.value, parts)
}

/**
 * What was left in good order comes first; a journal is there beside it only where a process has ended in the midst
 * of that.
 */
function findWaiting(addon: NativeAddon, stored: Stored): Result<Waiting, string> {
  const found: Result<Waiting, string>[] = []
  const names = [...stored.keys()]
  if (names.some(name => !isJournalName(name))) found.push(readStopped(addon, stored))
  const journals = namesOfJournals(names).map(all => all.map(name => stored.get(name)!))
  const read = journals.map(fds => readJournals(addon, fds))
  found.push(...read.sort((a, b) => beginOf(b) - beginOf(a)))
  return found.find(({ ok }) => ok) ?? found[0] ?? failed('nothing is there')
}

function beginOf(found: Result<Waiting, string>): number {
  return found.ok ? Number(found.value.state.since) : 0
}

function readStopped(addon: NativeAddon, stored: Stored): Result<Waiting, string> {
  const [state, out, into] = [stored.get('state'), stored.get('out'), stored.get('in')]
  if (state === undefined || out === undefined || into === undefined) return failed('it is not whole')
  const left = { state, out, in: into }
  const read = readLeft(addon, left)
  if (!read.ok) return read
  return succeeded({
    state: read.value,
    after: 'stop',
    deaths: NO_DEATHS,
    lost: 0,
    mark: isTakenUp => mark(left, isTakenUp),
  })
}

function readJournals(addon: NativeAddon, fds: readonly number[]): Result<Waiting, string> {
  try {
    const files: JournalFile[] = []
    for (const fd of fds) {
      const file = JournalFile.open(addon, fd)
      if (!file.ok) return file
      files.push(file.value)
    }
    const [first, ...others] = files
    if (!first) return failed('it is not whole')
    const survived = readSurvived([first, ...others], process.hrtime.bigint(), random)
    if (!survived.ok) return survived
    return succeeded({
      ...survived.value,
      after: 'crash',
      mark: isTakenUp => noteTry(first, isTakenUp),
    })
  } catch (error) {
    // What a process wrote whose memory was damaged may be anything, and must not keep this one from starting.
    return failed(`it cannot be read: ${(error as Error).message}`)
  }
}

/** Calls of the process before this one, with all that belongs to them. */
export class LeftCalls {
  readonly #addon: NativeAddon
  readonly #stored: Stored
  readonly #waiting: Waiting
  readonly #parts: TakingUpParts
  /** Of the service manager's sockets, those that were listened on, under the ids that they had. */
  #bound: readonly InheritedSocket[] = []
  #isDropped = false

  constructor(addon: NativeAddon, stored: Stored, waiting: Waiting, parts: TakingUpParts) {
    this.#addon = addon
    this.#stored = stored
    this.#waiting = waiting
    this.#parts = parts
  }

  /** How many workers the process before this one had. */
  get workers(): number {
    return this.#waiting.state.relay.shards.length
  }

  /** What the next process has to know if this one ends without a word. */
  get deaths(): Deaths {
    return this.#waiting.deaths
  }

  /**
   * Of the sockets that the service manager has bound, those that the process
   * before this one did not use, or that are to be used again; closes the others.
   */
  others(sockets: readonly InheritedSocket[]): InheritedSocket[] {
    const { relay } = this.#waiting.state
    const ours = new Map(inherited(relay).map(socket => [nameOf(socket), socket]))
    const isAgain = (socket: InheritedSocket) => ours.get(nameOf(socket))?.fd === NOT_OPEN
    for (const socket of sockets)
      if (ours.has(nameOf(socket)) && !isAgain(socket)) this.#addon.release(socket.fd)
    this.#bound = sockets.filter(isAgain)
    return sockets.flatMap(socket => {
      const before = ours.get(nameOf(socket))
      if (!before) return [socket]
      return isAgain(socket) ? [{ ...socket, socket: before.socket! }] : []
    })
  }

  /**
   * Takes the calls up, and listens. Rejects with a `StartError` where this
   * process cannot start; then they wait for the next one, unless they are the reason. `kept`: is called once they are
   * here, before what they were taken from is let go of.
   */
  async take(engine: Engine, hear: (event: TakenAllocation) => void, kept: () => void): Promise<void> {
    const { state, after, lost } = this.#waiting
    const { version, relay, since } = state
    const { log } = this.#parts
    const { handOver } = engine.shards
    if (!handOver) {
      for (const fd of descriptorsOf(relay)) if (fd !== NOT_OPEN) this.#addon.release(fd)
      this.#drop()
      log.warn('the calls of the process before this one have ended', {
        why: 'this needs the native UDP transport',
      })
      return engine.listen()
    }
    await handOver.hold()
    this.#waiting.mark(true)
    try {
      await engine.prepare()
      const taken = await engine.take(relay)
      if (!taken.ok) {
        this.#drop()
        throw new StartError({ key: 'start.takeUp', values: { why: taken.error } })
      }
      const bound = new Set(this.#bound.map(nameOf))
      await engine.open(inherited(relay).filter(socket => !bound.has(nameOf(socket))))
      if (after === 'crash') await handOver.hangUp()
      await handOver.connect(relay)
      for (const opened of taken.value.opened) hear(opened)
      const ended = new Set([...taken.value.lost, ...(await handOver.stranded())])
      await handOver.drop(ended)
      await handOver.go()
      const allocations = engine.shards.allocations()
      const gap = millisecondsSince(since)
      engine.judge()
      if (after === 'stop') log.info('took calls up', { version, allocations, gap })
      else {
        const callsLost = lost + ended.size
        log.warn('took up the calls of a process that ended without a word', {
          version,
          allocations,
          callsLost,
          gap,
        })
      }
    } catch (error) {
      // Anything else may have its cause in the calls, so that it counts.
      if (!this.#isDropped && error instanceof StartError) this.#waiting.mark(false)
      throw error
    }
    kept()
    this.#drop()
  }

  #drop(): void {
    this.#isDropped = true
    this.#parts.systemd.drop([...this.#stored.keys()])
    for (const fd of this.#stored.values()) this.#addon.release(fd)
  }
}

function nameOf({ transport, address }: Pick<InheritedSocket, 'transport' | 'address'>): string {
  return `${transport} ${formatAddress(address)}`
}
