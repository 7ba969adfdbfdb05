import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { type Address, parseAddress } from '../../src/base/address.ts'
import { type CallClient, callClient } from './call-client.ts'

export const CHANNEL = 0x4000
/** Packets a second and call, as speech has. */
const RATE = 50
/** Milliseconds in which nothing arrives any more, after which nothing is thought to be under way. */
const SETTLE = 400
/** Turns of talking that are made up for at most; who was held up longer has said nothing meanwhile. */
const BEHIND = 8

/** What became of the packets of one phase: each goes by the relay to a peer, and back. */
export interface Loss {
  readonly sent: number
  /** Sent, and never seen at the peer. */
  readonly toPeer: number
  /** Seen at the peer, and never back at the client. */
  readonly toClient: number
  /** Seen twice by somebody. */
  readonly twice: number
}

interface Phase {
  readonly index: number
  sent: number
  readonly atPeer: Set<string>
  readonly atClient: Set<string>
  twice: number
}

export interface CallsOptions {
  readonly port: number
  readonly secret: string
  readonly count: number
  readonly via?: 'udp' | 'tcp'
}

/**
 * Calls that talk through a relay all the time: a client with a channel each,
 * and a peer that sends back what it hears. Every packet has a number, so that
 * what is lost is known one by one, and in which phase it was sent.
 */
export class Calls {
  readonly clients: readonly CallClient[]
  readonly relayed: readonly Address[]
  readonly peers: readonly Socket[]
  readonly #phases: Phase[] = []
  readonly #muted = new Set<CallClient>()
  readonly #leftOut = new Set<CallClient>()
  #timer: NodeJS.Timeout | undefined
  #sequence = 0

  private constructor(clients: CallClient[], relayed: Address[], peers: Socket[]) {
    this.clients = clients
    this.relayed = relayed
    this.peers = peers
    this.#begin()
    for (const peer of peers) peer.on('message', (bytes, from) => this.#atPeer(peer, bytes, from))
    for (const client of clients) this.#watch(client)
  }

  /** Opens calls to peers on 127.0.0.1, which the relay has to allow. */
  static async open({ port, secret, count, via = 'udp' }: CallsOptions): Promise<Calls> {
    const clients: CallClient[] = []
    const relayed: Address[] = []
    const peers: Socket[] = []
    for (let i = 0; i < count; i++) {
      const client = await callClient(port, secret, `@caller${i}:example.org`, via)
      const answer = await client.allocate()
      if (answer.kind !== 'allocated') throw new Error(`call ${i} got ${JSON.stringify(answer)}`)
      const peer = await openPeer()
      const bound = await client.bind(CHANNEL, parseAddress(`127.0.0.1:${peer.address().port}`)!)
      if (bound.kind !== 'bound') throw new Error(`call ${i} got ${JSON.stringify(bound)}`)
      clients.push(client)
      relayed.push(answer.relayed[0]!)
      peers.push(peer)
    }
    return new Calls(clients, relayed, peers)
  }

  /** Has everybody talk until `quiet`. */
  talk(): this {
    const groups = 4
    const every = 1000 / RATE / groups
    let next = performance.now()
    let turns = 0
    // A quarter of the calls at a time, so that they do not all speak in the same millisecond.
    this.#timer = setInterval(() => {
      const now = performance.now()
      // A machine that stood still for a second shall not see a second of packets in one millisecond.
      next = Math.max(next, now - BEHIND * every)
      for (; next <= now; next += every, turns++) {
        for (let i = turns % groups; i < this.clients.length; i += groups) this.#say(this.clients[i]!)
      }
    }, every)
    return this
  }

  /** These callers go on, and what becomes of their packets counts for nothing. */
  leaveOut(clients: Iterable<CallClient>): void {
    for (const client of clients) this.#leftOut.add(client)
  }

  /** These callers say no more. */
  mute(clients: Iterable<CallClient>): void {
    for (const client of clients) this.#muted.add(client)
  }

  quiet(): void {
    clearInterval(this.#timer)
  }

  /** Tells what is lost of what is said from now until `during` is over, and for two seconds at least. */
  async lossOf(during: () => unknown = () => {}): Promise<Loss> {
    const phase = this.#begin()
    await Promise.all([during(), pause(2000)])
    this.#begin()
    for (let seen = -1; seen !== phase.atPeer.size + phase.atClient.size; ) {
      seen = phase.atPeer.size + phase.atClient.size
      await pause(SETTLE)
      // Timers come before sockets: what arrived while this process was held up has yet to be read.
      for (let turn = 0; turn < 3; turn++) await new Promise(resolve => setImmediate(resolve))
    }
    return {
      sent: phase.sent,
      toPeer: phase.sent - phase.atPeer.size,
      toClient: phase.atPeer.size - phase.atClient.size,
      twice: phase.twice,
    }
  }

  close(): void {
    this.quiet()
    for (const client of this.clients) client.close()
    for (const peer of this.peers) peer.close()
  }

  #begin(): Phase {
    const phase = {
      index: this.#phases.length,
      sent: 0,
      atPeer: new Set<string>(),
      atClient: new Set<string>(),
      twice: 0,
    }
    this.#phases.push(phase)
    return phase
  }

  #say(client: CallClient): void {
    if (this.#muted.has(client)) return
    if (this.#leftOut.has(client)) {
      client.send(CHANNEL, `- ${this.#sequence++}`)
      return
    }
    const phase = this.#phases.at(-1)!
    phase.sent++
    client.send(CHANNEL, `${phase.index} ${this.#sequence++}`)
  }

  #atPeer(peer: Socket, bytes: Buffer, from: { port: number; address: string }): void {
    this.#note(bytes.toString(), 'atPeer')
    peer.send(bytes, from.port, from.address)
  }

  #watch(client: CallClient): void {
    client.inbox.push = (...texts: string[]) => {
      for (const text of texts) this.#note(text, 'atClient')
      return 0
    }
  }

  #note(text: string, where: 'atPeer' | 'atClient'): void {
    const phase = this.#phases[Number.parseInt(text, 10)]
    if (!phase) return
    if (phase[where].has(text)) phase.twice++
    phase[where].add(text)
  }
}

/** Lost in all. */
export function lost({ toPeer, toClient }: Loss): number {
  return toPeer + toClient
}

/**
 * Measures what calls lose while nothing happens, and while `event` does; up
 * to five times, since what a busy machine loses it does not lose each time,
 * and what the event costs it does. Returns the last round, beside the
 * undisturbed one that lost most; `burden` is what the event costs the machine
 * whatever the relay makes of it, and goes on in the undisturbed ones too.
 */
export async function compareLoss(
  calls: Calls,
  event: (round: number) => unknown,
  burden: () => unknown = () => {},
): Promise<{ readonly without: Loss; readonly during: Loss }> {
  let without: Loss | undefined
  for (let round = 1; ; round++) {
    const again = await calls.lossOf(burden)
    if (!without || lossRate(again) > lossRate(without)) without = again
    const during = await calls.lossOf(() => event(round))
    if (lossRate(during) <= lossRate(without) || round === 5) return { without, during }
  }
}

/** Lost of what was sent, 0 to 2: each way counts. */
export function lossRate(loss: Loss): number {
  return lost(loss) / loss.sent
}

async function openPeer(): Promise<Socket> {
  const peer = createSocket('udp4').bind(0, '127.0.0.1')
  await once(peer, 'listening')
  return peer
}
