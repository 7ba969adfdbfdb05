import { connect, type Socket } from 'node:net'
import { LONGEST_SOCKET_PATH } from '../base/socket-path.ts'
import { READABLE } from '../core/snapshot/formats.ts'
import type { GivenRelay, RelayRest } from '../relay/hand-over/hand-over.ts'
import type { ShardCopy } from '../relay/hand-over/shard-copy.ts'
import { loadAddon, type NativeAddon } from '../system/native-addon.ts'
import { descriptorOf } from '../system/socket-handle.ts'
import { systemError } from '../system/system-error.ts'
import { countOf, rehearseGiven, restoreCopies, restoreGiven, restoreRest } from './given.ts'
import { asked, Declined, hear, hearOctets } from './hear.ts'
import { HandOverLink, LinkError } from './link.ts'
import {
  AHEAD,
  AT_ONCE,
  COPIES,
  copied,
  done,
  given,
  PATIENCE,
  PAUSE,
  PROTOCOL,
  passed,
  restGiven,
  type Welcome,
  welcome,
} from './protocol.ts'

/** What was taken, and when the other one stopped reading, in nanoseconds of the machine's monotonic clock. */
export interface Taken {
  readonly relay: GivenRelay
  readonly since: bigint
}

/** The relay that runs, as the process that takes over sees it. A step that fails rejects with a `LinkError`. */
export class Predecessor {
  readonly welcome: Welcome
  readonly #link: HandOverLink
  readonly #addon: NativeAddon
  readonly #path: string
  /** Descriptors come by it. */
  #channel: Socket | undefined

  private constructor(link: HandOverLink, addon: NativeAddon, path: string, greeting: Welcome) {
    this.#link = link
    this.#addon = addon
    this.#path = path
    this.welcome = greeting
  }

  /** Finds the relay that runs; undefined where there is none. */
  static async find(path: string, version: string): Promise<Predecessor | undefined> {
    // Where the path is too long for a socket, nobody listens there.
    const socket = Buffer.byteLength(path) > LONGEST_SOCKET_PATH ? undefined : await connectTo(path)
    if (!socket) return undefined
    const link = new HandOverLink(socket)
    const addon = loadAddon()
    if (!addon.ok) {
      link.end()
      throw new LinkError({ key: 'upgrade.addon', values: { why: addon.error } })
    }
    const fd = descriptorOf(socket)
    if (fd === undefined || addon.value.peerUser(fd) !== process.getuid?.()) {
      link.end()
      throw new LinkError({ key: 'takeOver.otherUser' })
    }
    link.say({
      kind: 'hello',
      protocol: PROTOCOL,
      version,
      snapshots: READABLE,
      pid: process.pid,
    })
    const greeting = await hear(link, welcome, PATIENCE)
    return new Predecessor(link, addon.value, path, greeting)
  }

  /** The state of each of its workers as it is now, while they go on. */
  async rehearse(): Promise<readonly Uint8Array[]> {
    this.#link.say({ kind: 'rehearse' })
    await rehearseGiven()
    return this.#snapshots(this.welcome.workers, PATIENCE)
  }

  /** Whether it can send ahead what this process can take. */
  get copies(): boolean {
    return this.welcome.copies === COPIES
  }

  /** Whether data can go on there until this process has everything else. */
  get ahead(): boolean {
    return this.welcome.ahead === AHEAD
  }

  /** What each of its workers sends ahead while they go on; from the second time on, what has changed. */
  async copy(): Promise<ShardCopy[]> {
    const channel = await this.#openChannel()
    this.#link.say({ kind: 'copy' })
    const what = await hear(this.#link, copied, PATIENCE)
    const states = await this.#snapshots(what.shards.length, PATIENCE)
    const count = what.shards.reduce((sum, { sockets }) => sum + sockets.length, 0)
    return restoreCopies(what, states, await this.#descriptors(channel, count))
  }

  /**
   * Takes state and sockets. It reads nothing from here on, until this process does or has failed; with `ahead` it
   * reads until `rest`, and has only requests wait.
   */
  async take(ahead = false): Promise<Taken> {
    const channel = await this.#openChannel()
    const link = this.#link
    link.say({ kind: 'give', ...(ahead && { ahead }) })
    const what = await hear(link, given, PAUSE)
    const snapshots = await this.#snapshots(what.shards.length, PAUSE)
    const relay = restoreGiven(what, snapshots, await this.#descriptors(channel, countOf(what)))
    channel.destroy()
    return { relay, since: BigInt(what.since) }
  }

  /** Says that everything is there; resolves with what has come since, when this process may read. */
  async rest(): Promise<{ readonly rest: RelayRest; readonly since: bigint }> {
    this.#link.say({ kind: 'taken' })
    const said = await hear(this.#link, restGiven, PAUSE)
    return { rest: restoreRest(said), since: BigInt(said.since) }
  }

  /** Says that everything is there; resolves when this process may read. */
  async taken(): Promise<void> {
    this.#link.say({ kind: 'taken' })
    await hear(this.#link, asked('go'), PAUSE)
  }

  /**
   * Says that this process reads; resolves with the number of allocations that
   * have stayed with the other one. Should that have died meanwhile, this one goes
   * on; where it has said that it goes on itself, this rejects.
   */
  async running(allocations: number, gap: number): Promise<number> {
    this.#link.say({ kind: 'running', allocations, gap })
    try {
      const { stays } = await hear(this.#link, done, PATIENCE)
      return stays
    } catch (error) {
      if (error instanceof Declined || this.#link.isOpen) throw error
      return 0
    } finally {
      this.#link.end()
    }
  }

  /** Says why this process cannot take over. */
  fail(why: string): void {
    this.#channel?.destroy()
    this.#link.say({ kind: 'failed', why: why.slice(0, 2000) })
    this.#link.end()
  }

  async #snapshots(count: number, patience: number): Promise<Buffer[]> {
    const snapshots: Buffer[] = []
    while (snapshots.length < count) snapshots.push(await hearOctets(this.#link, patience))
    return snapshots
  }

  async #openChannel(): Promise<Socket> {
    if (this.#channel) return this.#channel
    const channel = await connectTo(this.#path, true)
    if (!channel) throw new LinkError({ key: 'takeOver.closed' })
    // It speaks and does not read, since Node.js would drop the descriptors.
    new HandOverLink(channel).say({ kind: 'channel', of: this.welcome.channel })
    this.#channel = channel
    return channel
  }

  async #descriptors(channel: Socket, count: number): Promise<number[]> {
    const fds: number[] = []
    while (fds.length < count) fds.push(...(await this.#more(channel, Math.min(AT_ONCE, count - fds.length))))
    return fds
  }

  async #more(channel: Socket, count: number): Promise<Int32Array> {
    this.#link.say({ kind: 'more' })
    await hear(this.#link, passed, PAUSE)
    const into = new Int32Array(count)
    const result = this.#addon.takeDescriptors(descriptorOf(channel) ?? -1, into)
    if (result < 0)
      throw new LinkError(`descriptors cannot be taken: ${systemError(result, 'recvmsg').message}`)
    return into
  }
}

/** Resolves with undefined where nobody listens. `mute`: nothing is read by Node.js. */
function connectTo(path: string, mute = false): Promise<Socket | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path })
    if (mute) socket.pause()
    socket.once('connect', () => resolve(socket))
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(undefined)
      else reject(new LinkError({ key: 'takeOver.unreachable', values: { why: error.message } }))
    })
  })
}
