import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { formatAddress } from '../base/address.ts'
import { LONGEST_SOCKET_PATH } from '../base/socket-path.ts'
import type { Listener } from '../config/values/listener.ts'
import { SNAPSHOT_VERSION } from '../core/snapshot/envelope.ts'
import type { GivenRelay } from '../relay/hand-over/hand-over.ts'
import { readClock } from '../system/clock.ts'
import type { NativeAddon } from '../system/native-addon.ts'
import { descriptorOf } from '../system/socket-handle.ts'
import type { RunningPart } from '../texts/running.ts'
import { describeGiven, descriptorsOf } from './given.ts'
import { asked, hear } from './hear.ts'
import { HandOverLink } from './link.ts'
import { AT_ONCE, hello, PATIENCE, PAUSE, PROTOCOL, running } from './protocol.ts'

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
  /** Stops reading, and gives what can go on elsewhere. Rejects, and goes on, where that cannot be. */
  give(): Promise<GivenRelay>
  takeBack(given: GivenRelay): Promise<void>
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
  /** Is given the connection for descriptors of the process that is served. */
  #second: ((socket: Socket) => void) | undefined

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
    this.#server.listen({ path }, () => chmodSync(path, 0o600))
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
    const second = this.#second
    if (second) {
      this.#second = undefined
      second(socket)
      return
    }
    const link = new HandOverLink(socket)
    socket.resume()
    if (this.#isBusy) {
      link.say({ kind: 'refused', why: 'another process is taking over' })
      link.end()
      return
    }
    this.#isBusy = true
    void this.#serve(link).then(how => {
      this.#isBusy = false
      this.#second = undefined
      link.end()
      this.#ended(how)
    })
  }

  async #serve(link: HandOverLink): Promise<HandedOver> {
    let pid: number | undefined
    try {
      const greeting = await hear(link, hello, PATIENCE)
      pid = greeting.pid
      this.#refuse(greeting)
      this.#giver.log('a new process prepares to take over', { pid, version: greeting.version })
      const channel = new Promise<Socket>(resolve => {
        this.#second = resolve
      })
      this.#welcome(link)
      await hear(link, asked('rehearse'), PATIENCE)
      for (const snapshot of await this.#giver.rehearse()) link.sayOctets(snapshot)
      await hear(link, asked('give'), PATIENCE)
      const { allocations, gap, stays } = await this.#give(link, await channel)
      const how = { ok: true as const, pid, version: greeting.version, allocations, stays, gap }
      await this.#giver.retire(how)
      link.say({ kind: 'done', stays })
      return how
    } catch (error) {
      // Whatever it is, calls go on here.
      const why = (error as Error).message
      link.say({ kind: 'failed', why })
      return { ok: false, ...(pid !== undefined && { pid }), why }
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

  #welcome(link: HandOverLink): void {
    const { version, workers } = this.#giver
    const { time, machine } = readClock()
    link.say({
      kind: 'welcome',
      version,
      pid: process.pid,
      workers,
      clock: { time, machine: `${machine}` },
      listening: this.#giver.listening().map(({ transport, address }) => ({
        transport,
        address: formatAddress(address),
      })),
      pages: this.#giver.pages(),
    })
  }

  /** From here on everything waits, until the other one reads or this one does again. */
  async #give(
    link: HandOverLink,
    channel: Socket,
  ): Promise<{ readonly allocations: number; readonly gap: number; readonly stays: number }> {
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
      for (let at = 0; at < fds.length; at += AT_ONCE) {
        await hear(link, asked('more'), left())
        this.#pass(link, channel, fds.slice(at, at + AT_ONCE))
      }
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
    } finally {
      channel.destroy()
    }
  }

  #pass(link: HandOverLink, channel: Socket, fds: readonly number[]): void {
    const fd = descriptorOf(channel)
    const result = fd === undefined ? -1 : this.#addon.sendDescriptors(fd, Int32Array.from(fds))
    if (result < 0) throw new Refused(`descriptors cannot be handed over (${result})`)
    link.say({ kind: 'descriptors', count: fds.length })
  }
}
