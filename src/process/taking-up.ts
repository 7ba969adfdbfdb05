import { formatAddress } from '../base/address.ts'
import { descriptorsOf } from '../handover/given.ts'
import { forget, type Left, type LeftState, mark, readLeft } from '../handover/left.ts'
import type { Log } from '../log/log.ts'
import { StartError } from '../relay/start-error.ts'
import { continueClock } from '../system/clock.ts'
import type { InheritedSocket } from '../system/inherited-sockets.ts'
import { loadAddon, type NativeAddon } from '../system/native-addon.ts'
import { storedDescriptors } from '../system/stored-descriptors.ts'
import type { Engine } from '../workers/engine.ts'
import type { Systemd } from './systemd.ts'
import { inherited, millisecondsSince, type TakingOver } from './taking-over.ts'

export interface TakingUpParts {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly systemd: Pick<Systemd, 'drop'>
  readonly log: Pick<Log, 'info' | 'warn'>
}

/**
 * Finds what the process before this one has left with the service manager;
 * undefined where there is nothing that can be read. Its clock is ours from then on, so this comes
 * before everything that asks for the time.
 */
export function findLeftCalls(parts: TakingUpParts): LeftCalls | undefined {
  const addon = loadAddon()
  const stored = storedDescriptors(parts.env)
  if (stored.size === 0 || !addon.ok) return undefined
  const [state, out, into] = [stored.get('state'), stored.get('out'), stored.get('in')]
  const isWhole = state !== undefined && out !== undefined && into !== undefined
  const left = { state: state ?? -1, out: out ?? -1, in: into ?? -1 }
  const read = isWhole ? readLeft(addon.value, left) : { ok: false as const, error: 'it is not whole' }
  if (!read.ok) {
    parts.systemd.drop([...stored.keys()])
    forget(addon.value, left)
    parts.log.warn('the calls of the process before this one have ended', { why: read.error })
    return undefined
  }
  const { time, machine } = read.value.clock
  continueClock({ time: time as Parameters<typeof continueClock>[0]['time'], machine })
  return new LeftCalls(addon.value, left, read.value, parts)
}

/** Calls of the process before this one, with all that belongs to them. */
export class LeftCalls {
  readonly #addon: NativeAddon
  readonly #left: Left
  readonly #state: LeftState
  readonly #parts: TakingUpParts
  #isDropped = false

  constructor(addon: NativeAddon, left: Left, state: LeftState, parts: TakingUpParts) {
    this.#addon = addon
    this.#left = left
    this.#state = state
    this.#parts = parts
  }

  /** How many workers the process before this one had. */
  get workers(): number {
    return this.#state.relay.shards.length
  }

  /**
   * Of the sockets that the service manager has bound, those that the process
   * before this one did not use; closes the others.
   */
  others(sockets: readonly InheritedSocket[]): InheritedSocket[] {
    const ours = new Set(inherited(this.#state.relay).map(nameOf))
    for (const socket of sockets) if (ours.has(nameOf(socket))) this.#addon.release(socket.fd)
    return sockets.filter(socket => !ours.has(nameOf(socket)))
  }

  /**
   * Takes the calls up, and listens. Rejects with a `StartError` where this
   * process cannot start; then they wait for the next one, unless they are the reason.
   */
  async take(engine: Engine, hear: TakingOver['hear']): Promise<void> {
    const { version, relay, since } = this.#state
    const { log } = this.#parts
    const { handOver } = engine.shards
    if (!handOver) {
      for (const fd of descriptorsOf(relay)) this.#addon.release(fd)
      this.#drop()
      log.warn('the calls of the process before this one have ended', {
        why: 'this needs the native UDP transport',
      })
      return engine.listen()
    }
    await handOver.hold()
    mark(this.#left, true)
    try {
      await engine.prepare()
      const taken = await engine.take(relay)
      if (!taken.ok) {
        this.#drop()
        throw new StartError({ key: 'start.takeUp', values: { why: taken.error } })
      }
      await engine.open(inherited(relay))
      await handOver.connect(relay)
      for (const opened of taken.value.opened) hear(opened)
      await handOver.drop(new Set([...taken.value.lost, ...(await handOver.stranded())]))
      await handOver.go()
      const gap = millisecondsSince(since)
      log.info('took calls up', { version, allocations: engine.shards.allocations(), gap })
    } catch (error) {
      if (!this.#isDropped) mark(this.#left, false)
      throw error
    }
    this.#drop()
  }

  #drop(): void {
    this.#isDropped = true
    this.#parts.systemd.drop(Object.keys(this.#left))
    forget(this.#addon, this.#left)
  }
}

function nameOf({ transport, address }: Pick<InheritedSocket, 'transport' | 'address'>): string {
  return `${transport} ${formatAddress(address)}`
}
