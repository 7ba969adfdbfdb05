import type { Test } from 'tap'
import {
  type Address,
  formatAddress,
  parseAddress,
  RECORD,
  readRecord,
  writeRecord,
} from '../../../src/base/address.ts'
import { type Batch, createBatch, HEADROOM, SEND } from '../../../src/base/batch.ts'
import { Counters } from '../../../src/base/counters.ts'
import type { SocketId } from '../../../src/base/ids.ts'
import { SocketIds } from '../../../src/net/socket-ids.ts'
import { AllSockets } from '../../../src/net/sockets.ts'
import type { Bind, BoundSocket, UdpTransport } from '../../../src/net/transport.ts'
import { DgramTransport } from '../../../src/net/udp/dgram.ts'
import { type NativeOptions, type NativeTransport, openNative } from '../../../src/net/udp/native.ts'
import { ERROR_WORDS, loadAddon, type NativeSockets } from '../../../src/system/native-addon.ts'
import { Recorder } from '../net/recorder.ts'

/** Options for a test of the addon: skipped where none was built, except in CI. */
export function needAddon(): { skip: string | false } {
  const addon = loadAddon()
  return { skip: !addon.ok && !process.env.CI && addon.error }
}

export interface Opened<T extends UdpTransport = UdpTransport> {
  readonly udp: T
  readonly inbox: Recorder
  readonly sockets: AllSockets
  readonly ids: SocketIds
  readonly counters: Counters
}

export function openDgramTransport(t: Test): Opened {
  return open(t, (ids, inbox, counters) => new DgramTransport(ids, inbox, counters))
}

export function openNativeTransport(t: Test, options: NativeOptions = {}): Opened<NativeTransport> {
  return open(t, (ids, inbox, counters) => {
    const native = openNative(ids, inbox, counters, options)
    if (!native.ok) throw new Error(native.error)
    return native.value
  })
}

export async function bind(
  udp: UdpTransport,
  at: string,
  purpose: Bind['purpose'] = 'listener',
  more: Partial<Bind> = {},
): Promise<BoundSocket> {
  const result = await udp.bind({ address: parseAddress(at)!, purpose, ...more })
  if (!result.ok) throw result.error
  return result.value
}

/** A batch of these datagrams, all marked SEND. */
export function batchOf(datagrams: readonly { socket: SocketId; to: Address; bytes: Buffer }[]): Batch {
  const batch = createBatch(datagrams.length, Math.max(...datagrams.map(({ bytes }) => bytes.length)))
  for (const [i, { socket, to, bytes }] of datagrams.entries()) {
    batch.start[i] = i * batch.stride + HEADROOM
    batch.length[i] = bytes.copy(batch.bytes, batch.start[i])
    batch.socket[i] = socket
    batch.verdict[i] = SEND
    writeRecord(to, batch.remote, i * RECORD)
  }
  batch.count = datagrams.length
  return batch
}

/** A datagram as the kernel described it. */
export interface Seen {
  readonly from: string
  readonly text: string
  readonly ttl: number
  readonly tos: number
}

const SLOTS = 8
const LISTENER_FLAGS = 2

/**
 * The addon without the transport above it: it shows TTL and traffic class of
 * what it receives, and sends with whichever are asked for.
 */
export class Probe {
  readonly seen: Seen[] = []
  readonly #native: NativeSockets
  readonly #layout = {
    ...layoutOf(createBatch(SLOTS, 65_592)),
    ttl: new Uint8Array(SLOTS),
    tos: new Uint8Array(SLOTS),
    errors: new Uint32Array(ERROR_WORDS),
    errorPeers: new Uint8Array(RECORD),
    kept: new Uint32Array(),
    scratch: new Uint8Array(RECORD),
  }
  #waiting: (() => void)[] = []

  constructor(t: Test) {
    const loaded = loadAddon()
    if (!loaded.ok) throw new Error(loaded.error)
    const addon = loaded.value
    const state = new Uint32Array(addon.stateWords)
    this.#native = addon.open({ ...this.#layout, state }, () => this.#receive(), 0)
    t.teardown(() => this.#native.stop())
  }

  bind(id: number, at: string, flags = 0): Address {
    writeRecord(parseAddress(at)!, this.#layout.scratch, 0)
    const result = this.#native.bind(id, -1, LISTENER_FLAGS | flags, 0, 0)
    if (result < 0) throw new Error(`${result}`)
    return readRecord(this.#layout.scratch, 0)
  }

  send(id: number, to: Address, text: string, fields: { ttl?: number; tos?: number }): void {
    const layout = this.#layout
    layout.start[0] = HEADROOM
    layout.length[0] = layout.bytes.write(text, HEADROOM)
    layout.socket[0] = id
    layout.verdict[0] = SEND
    writeRecord(to, layout.remote, 0)
    // One more, as what is sent on is decremented.
    layout.ttl[0] = fields.ttl === undefined ? 0 : fields.ttl + 1
    layout.tos[0] = fields.tos ?? 0
    this.#native.send(0, 1)
  }

  async some(count: number): Promise<Seen[]> {
    while (this.seen.length < count) await new Promise<void>(resolve => this.#waiting.push(resolve))
    return this.seen
  }

  #receive(): void {
    const layout = this.#layout
    const count = this.#native.receive()
    for (let i = 0; i < count; i++) {
      const start = layout.start[i]!
      this.seen.push({
        from: formatAddress(readRecord(layout.remote, i * RECORD)),
        text: layout.bytes.toString('latin1', start, start + layout.length[i]!),
        ttl: layout.ttl[i]!,
        tos: layout.tos[i]!,
      })
    }
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

function layoutOf(batch: Batch) {
  const { bytes, start, length, socket, remote, verdict } = batch
  return { bytes, start, length, socket, remote, verdict }
}

function open<T extends UdpTransport>(
  t: Test,
  make: (ids: SocketIds, inbox: Recorder, counters: Counters) => T,
): Opened<T> {
  const ids = new SocketIds()
  const inbox = new Recorder()
  const counters = new Counters()
  const udp = make(ids, inbox, counters)
  t.teardown(() => udp.stop())
  return { udp, inbox, sockets: new AllSockets(ids, [udp]), ids, counters }
}
