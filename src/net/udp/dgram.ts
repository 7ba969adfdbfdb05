import dgram from 'node:dgram'
import { type Address, address, formatIp, parseIp, RECORD, writeRecord } from '../../base/address.ts'
import { type Batch, createBatch, HEADROOM, PASS, SEND } from '../../base/batch.ts'
import { Counter, type Counters } from '../../base/counters.ts'
import type { SocketId } from '../../base/ids.ts'
import { failed, type Result, succeeded } from '../../base/result.ts'
import type { SocketIds } from '../socket-ids.ts'
import type { Bind, BoundSocket, NetInbox, UdpTransport } from '../transport.ts'
import { Hosts } from './peer-records.ts'

/**
 * UDP over node:dgram: it runs everywhere and needs nothing built.
 *
 * Each datagram is copied once, behind the headroom of a batch of one, and what
 * the shard marks SEND leaves straight from there. That is safe because libuv
 * tries to send at once and only queues, holding on to the octets, when the
 * kernel will not take them. `getSendQueueSize` tells which it was: after a
 * datagram that was queued the batch is left to libuv and a fresh one taken,
 * and while anything waits, copies are sent.
 *
 * Errors cost a callback, and a callback a turn of the tick queue for every
 * datagram. So only some sends are watched: the first, and then one in
 * `WATCH_EVERY`, until one fails; from there on every one until one succeeds.
 * `peerError` is thus near enough to tell that something is wrong.
 */
export class DgramTransport implements UdpTransport {
  /** node:dgram has no way to set IP_MTU_DISCOVER. */
  readonly dontFragment = false
  #ids: SocketIds
  #inbox: NetInbox
  #counters: Counters
  #sockets: (UdpSocket | undefined)[] = []
  #hosts = new Hosts()
  #batch = createBatch(1, MAX_DATAGRAM)
  readonly #bound = new Map<SocketId, Address>()
  #record = new Uint8Array(RECORD)
  #recordWords = new Int32Array(this.#record.buffer)

  constructor(ids: SocketIds, inbox: NetInbox, counters: Counters) {
    this.#ids = ids
    this.#inbox = inbox
    this.#counters = counters
  }

  bind(options: Bind): Promise<Result<BoundSocket, NodeJS.ErrnoException>> {
    return new Promise(resolve => this.#bind(options, resolve))
  }

  owns(socket: SocketId): boolean {
    return this.#sockets[socket] !== undefined
  }

  boundTo(socket: SocketId): Address | undefined {
    return this.#bound.get(socket)
  }

  send(batch: Batch): void {
    const own = batch === this.#batch
    for (let i = 0; i < batch.count; i++) {
      if (batch.verdict[i] !== SEND) continue
      const socket = this.#sockets[batch.socket[i]!]
      if (socket === undefined) continue
      const at = i * RECORD
      const host = this.#hosts.name(batch.remote, batch.remoteWords, at)
      const mapped = socket.family === 6 && batch.remote[at] === 4
      const port = (batch.remote[at + 2]! << 8) | batch.remote[at + 3]!
      const start = batch.start[i]!
      const length = batch.length[i]!
      if (own) {
        this.#transmit(socket, batch.bytes, start, length, port, mapped ? `::ffff:${host}` : host, true)
      } else {
        const copy = Buffer.from(batch.bytes.subarray(start, start + length))
        this.#transmit(socket, copy, 0, length, port, mapped ? `::ffff:${host}` : host, false)
      }
    }
  }

  sendOne(id: SocketId, to: Address, bytes: Buffer): void {
    const socket = this.#sockets[id]
    if (socket === undefined) return
    writeRecord(to, this.#record, 0)
    const host = this.#hosts.name(this.#record, this.#recordWords, 0)
    const mapped = socket.family === 6 && to.family === 4
    const copy = Buffer.from(bytes)
    this.#transmit(socket, copy, 0, copy.length, to.port, mapped ? `::ffff:${host}` : host, false)
  }

  /** Node reads its sockets itself, and when it likes. */
  look(): void {}

  pause(): boolean {
    return false
  }

  duplicate(): undefined {
    return undefined
  }

  give(): number {
    throw new Error('node:dgram gives no sockets away')
  }

  close(id: SocketId): void {
    const socket = this.#sockets[id]
    if (socket === undefined) return
    this.#sockets[id] = undefined
    this.#bound.delete(id)
    socket.handle.close()
    this.#ids.release(id)
  }

  stop(): void {
    for (const socket of this.#sockets) if (socket) this.close(socket.id)
  }

  #bind(options: Bind, done: (result: Result<BoundSocket, NodeJS.ErrnoException>) => void): void {
    const handle = dgram.createSocket({
      type: options.address.family === 4 ? 'udp4' : 'udp6',
      ipv6Only: options.address.family === 6,
      lookup,
    })
    let bound = false
    const fail = (error: NodeJS.ErrnoException): void => {
      // Once bound, errors are the network's opinion of one datagram (TURN-ICMP-05).
      if (bound) {
        this.#counters.add(Counter.peerError)
      } else {
        handle.close()
        done(failed(error))
      }
    }
    handle.on('error', fail)
    handle.once('listening', () => {
      bound = true
      done(succeeded(this.#adopt(handle, options)))
    })
    try {
      if (options.fd === undefined) {
        handle.bind({ address: formatIp(options.address.ip), port: options.address.port, exclusive: true })
      } else {
        handle.bind({ fd: options.fd, exclusive: true })
      }
    } catch (error) {
      if (bound) throw error
      fail(error as NodeJS.ErrnoException)
    }
  }

  #adopt(handle: dgram.Socket, options: Bind): BoundSocket {
    const relay = options.purpose === 'relay'
    const id = this.#ids.take(this, relay ? 'relay' : 'udp', options.socket)
    const local = handle.address()
    const ip = parseIp(local.address)!
    const socket: UdpSocket = {
      handle,
      id,
      family: local.family === 'IPv6' ? 6 : 4,
      waiting: false,
      unwatched: 0,
      sent: error => {
        if (error) this.#counters.add(Counter.peerError)
        else socket.unwatched = WATCH_EVERY
      },
    }
    this.#sockets[id] = socket
    this.#bound.set(id, address(ip, local.port))
    handle.on('message', (bytes, from) => this.#received(id, bytes, from))
    const receiveBuffer = sizeBuffers(handle, options, relay)
    return { socket: id, local: address(ip, local.port), receiveBuffer }
  }

  #received(id: SocketId, bytes: Buffer, from: dgram.RemoteInfo): void {
    const batch = this.#batch
    if (!this.#hosts.write(from.address, from.port, batch.remote, batch.remoteWords, 0)) return
    batch.bytes.set(bytes, HEADROOM)
    batch.count = 1
    batch.start[0] = HEADROOM
    batch.length[0] = bytes.length
    batch.socket[0] = id
    batch.verdict[0] = PASS
    this.#inbox.received(batch)
  }

  /**
   * Many parameters, and no object for each datagram. `own`: the octets are the
   * batch's, which has to be given up if libuv keeps them.
   */
  #transmit(
    socket: UdpSocket,
    bytes: Buffer,
    start: number,
    length: number,
    port: number,
    host: string,
    own: boolean,
  ): void {
    if (port === 0) {
      this.#counters.add(Counter.peerError)
      return
    }
    if (socket.waiting) {
      const waiting = socket.handle.getSendQueueSize()
      if (waiting + length > MAX_SEND_QUEUE) {
        this.#counters.add(Counter.dropSendQueue)
        return
      }
      socket.waiting = waiting > 0
      if (own && socket.waiting) {
        bytes = Buffer.from(bytes.subarray(start, start + length))
        start = 0
        own = false
      }
    }
    if (--socket.unwatched < 0) socket.handle.send(bytes, start, length, port, host, socket.sent)
    else socket.handle.send(bytes, start, length, port, host)
    if (socket.handle.getSendQueueSize() === 0) return
    socket.waiting = true
    if (own) this.#batch = createBatch(1, MAX_DATAGRAM)
  }
}

interface UdpSocket {
  readonly handle: dgram.Socket
  readonly id: SocketId
  readonly family: 4 | 6
  /** Something waited in libuv's queue when last seen. */
  waiting: boolean
  /** Sends left until one is watched again. */
  unwatched: number
  readonly sent: (error: Error | null) => void
}

/** Takes an address for itself; the default defers every send by a tick to find out as much. */
function lookup(
  host: string,
  options: unknown,
  done: (error: null, address: string, family: number) => void,
): void {
  done(null, host, typeof options === 'number' ? options : 0)
}

/** Sets what the kernel allows; less is not an error. Returns the octets granted for receiving. */
function sizeBuffers(handle: dgram.Socket, options: Bind, relay: boolean): number {
  try {
    handle.setRecvBufferSize(options.receiveBuffer ?? (relay ? RELAY_BUFFER : LISTENER_BUFFER))
    handle.setSendBufferSize(options.sendBuffer ?? (relay ? RELAY_BUFFER : LISTENER_BUFFER))
  } catch {
    // The kernel's own sizes will do.
  }
  return handle.getRecvBufferSize()
}

const MAX_DATAGRAM = 65_536
const LISTENER_BUFFER = 4 << 20
const RELAY_BUFFER = 256 << 10
/** Octets that may wait for the kernel on one socket: what comes late is worth nothing in a call. */
const MAX_SEND_QUEUE = 256 << 10
const WATCH_EVERY = 64
