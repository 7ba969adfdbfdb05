import { randomFillSync } from 'node:crypto'
import { password } from '../auth/shared-secret.ts'
import { type Address, parseAddress, parseIp, address as toAddress } from '../base/address.ts'
import type { ChannelNumber, SocketId } from '../base/ids.ts'
import { TurnClient } from '../client/turn-client.ts'
import type { BoundSocket, UdpTransport } from '../net/transport.ts'
import { monotonicClock } from '../system/clock.ts'
import { DATA, XOR_PEER_ADDRESS } from '../wire/attributes.ts'
import { CHANNEL_HEADER } from '../wire/channel.ts'
import { MessageWriter, Method } from '../wire/message.ts'
import { Dialogue, type DialogueLink } from './dialogue.ts'
import { LoadError } from './fault.ts'
import type { TrafficFlow } from './flow.ts'
import type { Setup } from './protocol.ts'
import { openStream, StreamLink } from './stream-link.ts'

/** Every client talks to one peer, so one number will do. */
const CHANNEL = 0x4000 as ChannelNumber
/** Allocations of one user; relays bound them. */
const PER_USER = 50
/** Seconds that a credential is good for: longer than any bench. */
const CREDENTIAL_LIFE = 86_400
/** Times to try where the server still remembers somebody at the client's port, of an earlier run. */
const PORTS = 5
/** Sockets that are opened at most to get a port that no client here has had. */
const FRESH = 16
/** Octets of socket buffer to ask for; few systems grant it to everybody. */
const BUFFER = 4 << 20

/** An allocation that is ready for data. */
export interface OpenedFlow {
  readonly flow: TrafficFlow
  readonly server: Address
  readonly relayed: Address
}

/** Opens allocations: Allocate, its challenge, and a channel or permission for the peer. */
export class Opener {
  readonly server: Address
  readonly #setup: Setup
  readonly #udp: UdpTransport
  /** Ports that clients have had: coturn refuses a released 5-tuple for a while, and refusing costs it time. */
  readonly #had = new Set<number>()
  /** Told of a dialogue before its first answer can arrive. */
  readonly #begun: (dialogue: Dialogue, client: SocketId | undefined, link: DialogueLink) => void

  constructor(
    setup: Setup,
    udp: UdpTransport,
    begun: (dialogue: Dialogue, client: SocketId | undefined, link: DialogueLink) => void,
  ) {
    this.#setup = setup
    this.#udp = udp
    this.#begun = begun
    this.server = parseAddress(setup.target.address)!
  }

  /** Opens one. Throws a `LoadError`; nothing stays open then. */
  async open(index: number): Promise<OpenedFlow> {
    for (let port = 1; ; port++) {
      try {
        return await this.#open(index)
      } catch (error) {
        if (port === PORTS || !isTaken(error)) throw error
      }
    }
  }

  async #open(index: number): Promise<OpenedFlow> {
    const { clientIp, peerIp, method, target, rto } = this.#setup
    const peer = await this.bind(peerIp)
    let client: BoundSocket | undefined
    let link: DialogueLink | undefined
    try {
      if (target.transport === 'udp') {
        client = await this.#bindFresh(clientIp)
        link = this.#udpLink(client.socket)
      } else {
        link = await openStream(target, this.server, clientIp)
      }
      const turn = new TurnClient({
        ...this.#credentials(index),
        random: into => void randomFillSync(into),
        reliable: target.transport !== 'udp',
        // What browsers do, so that every server has the same to compute.
        algorithms: 'ignore',
        keepAlive: true,
        rto,
      })
      const dialogue = new Dialogue(turn, link)
      this.#begun(dialogue, client?.socket, link)
      const family = peer.local.family === 6 ? { family: 6 as const } : {}
      const allocated = await dialogue.ask('Allocate', 'allocated', turn =>
        turn.allocate(family, monotonicClock.now()),
      )
      if (method === 'channels') {
        await dialogue.ask('ChannelBind', 'bound', turn =>
          turn.bind(CHANNEL, peer.local, monotonicClock.now()),
        )
      } else {
        await dialogue.ask('CreatePermission', 'permitted', turn =>
          turn.permit([peer.local], monotonicClock.now()),
        )
      }
      const flow: TrafficFlow = {
        dialogue,
        link,
        client: client?.socket,
        peer: peer.socket,
        ports: client ? [client.local.port, peer.local.port] : [peer.local.port],
        channel: CHANNEL,
        prefix: method === 'channels' ? channelPrefix() : sendPrefix(peer.local),
      }
      return { flow, server: this.server, relayed: allocated.relayed[0]! }
    } catch (error) {
      this.#udp.close(peer.socket)
      if (client) this.#udp.close(client.socket)
      if (link instanceof StreamLink) link.close()
      throw error
    }
  }

  /** Ends an allocation and closes what it had. */
  async close({ dialogue, link, client, peer }: TrafficFlow): Promise<void> {
    // The server may be gone, or the allocation; either way it is over.
    await dialogue.ask('Refresh', 'refreshed', turn => turn.release(monotonicClock.now())).catch(() => {})
    this.#udp.close(peer)
    if (client !== undefined) this.#udp.close(client)
    link.close()
  }

  /** Binds a socket on a free port; throws a `LoadError`. */
  async bind(ip: string): Promise<BoundSocket> {
    const local = toAddress(parseIp(ip)!, 0)
    const sizes = { receiveBuffer: BUFFER, sendBuffer: BUFFER }
    const bound = await this.#udp.bind({ address: local, purpose: 'listener', ...sizes })
    if (bound.ok) return bound.value
    throw new LoadError({ kind: 'sockets', code: bound.error.code ?? '', opened: 0 })
  }

  /** Binds a socket on a port that no client has had, as far as there are such. */
  async #bindFresh(ip: string): Promise<BoundSocket> {
    const had: BoundSocket[] = []
    try {
      for (;;) {
        const bound = await this.bind(ip)
        const { port } = bound.local
        if (!this.#had.has(port) || had.length === FRESH) {
          this.#had.add(port)
          return bound
        }
        had.push(bound)
      }
    } finally {
      for (const { socket } of had) this.#udp.close(socket)
    }
  }

  #udpLink(socket: SocketId): DialogueLink {
    const udp = this.#udp
    const server = this.server
    return { backlog: 0, send: bytes => udp.sendOne(socket, server, bytes), close() {} }
  }

  #credentials(index: number): { username: string; password: string } {
    const { credentials, member } = this.#setup
    if (credentials.kind === 'user') return credentials
    const expires = Math.floor(Date.now() / 1000) + CREDENTIAL_LIFE
    const username = `${expires}:bench-${member}-${Math.floor(index / PER_USER)}`
    return { username, password: password(Buffer.from(credentials.secret, 'utf8'), username) }
  }
}

/** Whether the 5-tuple is one of an allocation that is not quite gone (RFC 8656 §7.2). */
function isTaken(error: unknown): boolean {
  return error instanceof LoadError && error.fault.kind === 'refused' && error.fault.code === 437
}

function channelPrefix(): Buffer {
  const prefix = Buffer.alloc(CHANNEL_HEADER)
  prefix.writeUInt16BE(CHANNEL, 0)
  return prefix
}

/** A Send indication up to where its payload begins. Its transaction is never answered, so one will do for all. */
function sendPrefix(peer: Address): Buffer {
  const transaction = randomFillSync(Buffer.alloc(12))
  return new MessageWriter('indication', Method.Send, transaction)
    .set(XOR_PEER_ADDRESS, peer)
    .set(DATA, Buffer.alloc(0))
    .finish()
}
