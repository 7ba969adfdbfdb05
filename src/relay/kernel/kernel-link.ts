import { Socket } from 'node:net'
import { join } from 'node:path'
import { PASS_REASONS, type PassReason } from '../../forward/kernel/layout.ts'
import { Bpf } from '../../kernel/bpf.ts'
import { type MapDescriptors, passedOf, RELAY_MAPS } from '../../kernel/kernel-maps.ts'
import { MAPS_SOCKET } from '../../kernel/places.ts'
import { loadAddon } from '../../system/native-addon.ts'

/** Seconds between two attempts to reach the loader. */
const RETRY = 5
/** Milliseconds for which descriptors stay open that are used no longer, so that no thread takes others for them. */
const LINGER = 10_000

export interface KernelLinkParts {
  /** Where `taciturn kernel up` listens. */
  readonly folder: string
  /** Is given the maps, and nothing when they are gone. */
  readonly use: (maps: MapDescriptors | undefined) => void
  readonly log: (message: string) => void
}

/**
 * The relay's end of the connection to the loader (`taciturn kernel up`): gets
 * the maps, keeps the connection, which is what keeps the programs attached,
 * and tries again when the loader went or is not there yet.
 */
export class KernelLink {
  readonly #parts: KernelLinkParts
  #connection: Socket | undefined
  #maps: MapDescriptors | undefined
  #wait = 0

  constructor(parts: KernelLinkParts) {
    this.#parts = parts
  }

  get isConnected(): boolean {
    return this.#connection !== undefined
  }

  /** Why datagrams of routes went up to the relay, since the maps were handed over. */
  passed(): Readonly<Record<PassReason, number>> {
    const bpf = this.#maps && Bpf.open()
    if (bpf) return passedOf(bpf, this.#maps!.reasons)
    return Object.fromEntries(PASS_REASONS.map(reason => [reason, 0])) as Record<PassReason, number>
  }

  /** Once a second. */
  tick(): void {
    if (this.#connection || this.#wait-- > 0) return
    this.#wait = RETRY
    this.#connect()
  }

  close(): void {
    this.#connection?.destroy()
  }

  #connect(): void {
    const addon = loadAddon()
    if (!addon.ok) return
    const descriptors = new Int32Array(RELAY_MAPS.length)
    const fd = addon.value.receiveDescriptors(join(this.#parts.folder, MAPS_SOCKET), descriptors)
    if (fd < 0) return
    const maps = Object.fromEntries(RELAY_MAPS.map((name, i) => [name, descriptors[i]!])) as MapDescriptors
    const connection = new Socket({ fd, readable: true, writable: true })
    this.#connection = connection
    this.#maps = maps
    connection.on('error', () => {})
    connection.on('close', () => {
      this.#connection = undefined
      this.#maps = undefined
      this.#parts.log('the kernel relays no longer: its loader is gone')
      this.#parts.use(undefined)
      setTimeout(() => {
        for (const descriptor of descriptors) addon.value.release(descriptor)
      }, LINGER).unref()
    })
    connection.resume()
    this.#parts.use(maps)
    this.#parts.log('the kernel relays')
  }
}
