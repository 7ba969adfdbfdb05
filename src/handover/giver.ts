import { randomUUID } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { z } from 'zod'
import { formatAddress } from '../base/address.ts'
import { LONGEST_SOCKET_PATH } from '../base/socket-path.ts'
import type { Listener } from '../config/values/listener.ts'
import { SNAPSHOT_VERSION } from '../core/snapshot/envelope.ts'
import type { GivenRelay, RelayRest } from '../relay/hand-over/hand-over.ts'
import type { ShardCopy } from '../relay/hand-over/shard-copy.ts'
import { readClock } from '../system/clock.ts'
import type { NativeAddon } from '../system/native-addon.ts'
import { descriptorOf } from '../system/socket-handle.ts'
import type { RunningPart } from '../texts/running.ts'
import { describeCopies, describeGiven, describeRest, descriptorsOf, rehearseGiven } from './given.ts'
import { asked, hear } from './hear.ts'
import { HandOverLink } from './link.ts'
import {
  AHEAD,
  AT_ONCE,
  COPIES,
  channel,
  give,
  hello,
  PATIENCE,
  PAUSE,
  PROTOCOL,
  running,
} from './protocol.ts'

/** What hands over: the relay that runs. */
export interface Giver {
  readonly version: string
  /** Why it cannot hand over just now, if it cannot. */
  readonly refusal: () => string | undefined
  readonly listening: () => readonly Listener[]
  /** TCP addresses of its pages. */
  readonly pages: () => readonly string[]
  /** How many share the calls: as many states are given. */
  readonly workers: number
  /** The states, while everything goes on. */
  rehearse(): Promise<readonly Uint8Array[]>
  /** What goes ahead, while everything goes on; see `HandOver.copies`. */
  copies(): Promise<readonly ShardCopy[]>
  /** The other one has failed, so nobody goes on with the copies. */
  forgetCopies(): void
  /** Stops reading, and gives what can go on elsewhere. Rejects, and goes on, where that cannot be. */
  give(): Promise<GivenRelay>
  takeBack(given: GivenRelay): Promise<void>
  /** The same while data goes on, but for what comes in the end. */
  giveAhead(): Promise<GivenRelay>
  /** Stops reading, and gives what has come since. */
  giveRest(): Promise<RelayRest>
  /** Goes on after `giveAhead`. */
  goOn(): Promise<void>
  /** Forgets what was given; returns how many allocations have stayed. */
  leave(): Promise<number>
  /** Closes its pages and sockets, so that the other one can open them, and ends with what has stayed. */
  retire(how: HandedOver & { readonly ok: true }): Promise<void>
  log(what: string, details: Readonly<Record<string, string | number>>): void
}

/** How a hand-over ended. `gap`: milliseconds in which nobody read. */
export type HandedOver =
  | {
      readonly ok: true
      readonly pid: number
      readonly version: string
      readonly allocations: number
      readonly stays: number
      readonly gap: number
    }
  | { readonly ok: false; readonly pid?: number; readonly why: RunningPart }

interface Running {
  readonly allocations: number
  readonly gap: number
  readonly stays: number
}

/** What the other one has said that this one cannot go on with. */
class Refused extends Error {}

/**
 * Waits at a socket in the state folder for the process that takes over. It is
 * for processes of the same user, and serves one at a time.
 */
export class HandOverDoor {
  readonly #giver: Giver
  readonly #addon: NativeAddon
  readonly #server: Server
  readonly #ended: (how: HandedOver) => void
  #isBusy = false
  /** Is given the connection for descriptors of the process that is served, which says this name. */
  #second: { readonly name: string; readonly opened: (socket: Socket) => void } | undefined

  /** `ended` is told how each hand-over ended. */
  constructor(giver: Giver, addon: NativeAddon, ended: (how: HandedOver) => void) {
    this.#giver = giver
    this.#addon = addon
    this.#ended = ended
    this.#server = createServer({ pauseOnConnect: true }, socket => this.#accept(socket))
    this.#server.on('error', error => giver.log('nobody can take over', { why: error.message }))
  }

  /** Opens the socket, in place of one that is there. Where that cannot be, the log says so. */
  open(path: string): void {
    if (Buffer.byteLength(path) > LONGEST_SOCKET_PATH) {
      const why = `${path} has more than ${LONGEST_SOCKET_PATH} octets; name a shorter folder in "state"`
      this.#giver.log('nobody can take over', { why })
      return
    }
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
      rmSync(path, { force: true })
    } catch (error) {
      this.#giver.log('nobody can take over', { why: (error as Error).message })
      return
    }
    // The socket is made in this very call, so that nobody else may open it for a moment.
    const mask = process.umask(0o177)
    this.#server.listen({ path })
    process.umask(mask)
  }

  close(): void {
    this.#server.close()
  }

  #accept(socket: Socket): void {
    socket.on('error', () => {})
    const fd = descriptorOf(socket)
    if (fd === undefined || this.#addon.peerUser(fd) !== process.getuid?.()) {
      socket.destroy()
      return
    }
    const link = new HandOverLink(socket)
    socket.resume()
    void this.#meet(socket, link)
  }

  /** Who says nothing yet keeps nobody else from taking over. */
  async #meet(socket: Socket, link: HandOverLink): Promise<void> {
    const first = await hear(link, z.union([hello, channel]), PATIENCE).catch((error: Error) => error)
    if (first instanceof Error) {
      link.say({ kind: 'failed', why: first.message })
      link.end()
      this.#ended({ ok: false, why: first.message })
    } else if (first.kind === 'channel') {
      if (this.#second?.name !== first.of) socket.destroy()
      else this.#second.opened(socket)
    } else if (this.#isBusy) {
      link.say({ kind: 'refused', why: 'another process is taking over' })
      link.end()
    } else {
      this.#isBusy = true
      const how = await this.#serve(link, first)
      this.#isBusy = false
      this.#second = undefined
      link.end()
      this.#ended(how)
    }
  }

  async #serve(link: HandOverLink, greeting: z.infer<typeof hello>): Promise<HandedOver> {
    const { pid, version } = greeting
    let second: Promise<Socket> | undefined
    try {
      this.#refuse(greeting)
      this.#giver.log('a new process prepares to take over', { pid, version })
      const name = randomUUID()
      second = new Promise<Socket>(opened => {
        this.#second = { name, opened }
      })
      this.#welcome(link, name)
      await hear(link, asked('rehearse'), PATIENCE)
      for (const snapshot of await this.#giver.rehearse()) link.sayOctets(snapshot)
      await rehearseGiven()
      const next = z.union([asked('copy'), give])
      let wish = await hear(link, next, PATIENCE)
      for (; wish.kind === 'copy'; wish = await hear(link, next, PATIENCE))
        await this.#copy(link, await within(PAUSE, second))
      const channel = await within(PAUSE, second)
      const giving = wish.ahead ? this.#giveAhead(link, channel) : this.#give(link, channel)
      const { allocations, gap, stays } = await giving
      const how = { ok: true as const, pid, version, allocations, stays, gap }
      await this.#giver.retire(how)
      link.say({ kind: 'done', stays })
      return how
    } catch (error) {
      // Whatever it is, calls go on here.
      const why = (error as Error).message
      link.say({ kind: 'failed', why })
      this.#giver.forgetCopies()
      return { ok: false, pid, why }
    } finally {
      void second?.then(socket => socket.destroy())
    }
  }

  #refuse({
    protocol,
    snapshots,
  }: {
    readonly protocol: number
    readonly snapshots: readonly number[]
  }): void {
    if (protocol !== PROTOCOL)
      throw new Refused(`it speaks version ${protocol} of the hand-over, and this relay version ${PROTOCOL}`)
    if (!snapshots.includes(SNAPSHOT_VERSION))
      throw new Refused(`it cannot read snapshots of version ${SNAPSHOT_VERSION}`)
    const refusal = this.#giver.refusal()
    if (refusal !== undefined) throw new Refused(refusal)
  }

  #welcome(link: HandOverLink, name: string): void {
    const { version, workers } = this.#giver
    const { time, machine } = readClock()
    link.say({
      kind: 'welcome',
      channel: name,
      version,
      pid: process.pid,
      workers,
      copies: COPIES,
      ahead: AHEAD,
      clock: { time, machine: `${machine}` },
      listening: this.#giver.listening().map(({ transport, address }) => ({
        transport,
        address: formatAddress(address),
      })),
      pages: this.#giver.pages(),
    })
  }

  /** Sends ahead what has changed since the last time. */
  async #copy(link: HandOverLink, second: Socket): Promise<void> {
    const copies = await this.#giver.copies()
    const fds = copies.flatMap(({ sockets }) => sockets.map(({ fd }) => fd))
    try {
      link.say(describeCopies(copies))
      for (const { state } of copies) link.sayOctets(state)
      await this.#passAll(link, second, fds, () => PATIENCE)
    } finally {
      for (const fd of fds) this.#addon.release(fd)
    }
  }

  /** From here on requests wait, and in the end everything, until the other one reads or this one does again. */
  async #giveAhead(link: HandOverLink, second: Socket): Promise<Running> {
    const giver = this.#giver
    const begun = process.hrtime.bigint()
    const relay = await giver.giveAhead().catch(error => {
      throw new Refused((error as Error).message)
    })
    const fds = descriptorsOf(relay)
    try {
      const until = performance.now() + PAUSE
      const left = () => Math.max(0, until - performance.now())
      link.say(describeGiven(relay, begun))
      for (const { snapshot } of relay.shards) link.sayOctets(snapshot)
      await this.#passAll(link, second, fds, left)
      await hear(link, asked('taken'), left())
      const since = process.hrtime.bigint()
      link.say(describeRest(await giver.giveRest(), since))
      const { allocations, gap } = await hear(link, running, left())
      return { allocations, gap, stays: await giver.leave() }
    } catch (error) {
      // Said first, so that the other one reads nothing any more.
      link.say({ kind: 'failed', why: (error as Error).message })
      await giver.goOn()
      throw error
    } finally {
      // All of them are copies.
      for (const fd of fds) this.#addon.release(fd)
    }
  }

  /** From here on everything waits, until the other one reads or this one does again. */
  async #give(link: HandOverLink, second: Socket): Promise<Running> {
    const giver = this.#giver
    const since = process.hrtime.bigint()
    const relay = await giver.give().catch(error => {
      throw new Refused((error as Error).message)
    })
    const fds = descriptorsOf(relay)
    try {
      const until = performance.now() + PAUSE
      const left = () => Math.max(0, until - performance.now())
      link.say(describeGiven(relay, since))
      for (const { snapshot } of relay.shards) link.sayOctets(snapshot)
      await this.#passAll(link, second, fds, left)
      await hear(link, asked('taken'), left())
      link.say({ kind: 'go' })
      const { allocations, gap } = await hear(link, running, left())
      const stays = await giver.leave()
      for (const fd of fds) this.#addon.release(fd)
      return { allocations, gap, stays }
    } catch (error) {
      // Said first, so that the other one reads nothing any more.
      link.say({ kind: 'failed', why: (error as Error).message })
      await giver.takeBack(relay)
      throw error
    }
  }

  async #passAll(
    link: HandOverLink,
    second: Socket,
    fds: readonly number[],
    patience: () => number,
  ): Promise<void> {
    for (let at = 0; at < fds.length; at += AT_ONCE) {
      await hear(link, asked('more'), patience())
      this.#pass(link, second, fds.slice(at, at + AT_ONCE))
    }
  }

  #pass(link: HandOverLink, second: Socket, fds: readonly number[]): void {
    const fd = descriptorOf(second)
    const result = fd === undefined ? -1 : this.#addon.sendDescriptors(fd, Int32Array.from(fds))
    if (result < 0) throw new Refused(`descriptors cannot be handed over (${result})`)
    link.say({ kind: 'descriptors', count: fds.length })
  }
}

/** Rejects where it takes longer than so many milliseconds. */
function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = new Refused(`the other process has opened no connection for descriptors within ${ms} ms`)
    const timer = setTimeout(() => reject(late), ms)
    void promise.then(value => {
      clearTimeout(timer)
      resolve(value)
    })
  })
}
