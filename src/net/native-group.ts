import { type Address, RECORD, readRecord, writeRecord } from '../base/address.ts'
import { BindFlag, loadAddon, type NativeAddon } from './native-addon.ts'
import { systemError } from './system-error.ts'

/**
 * Opens `size` UDP sockets on one address, among which the kernel spreads
 * clients: whoever sends from the same address and port always meets the same
 * one (SO_REUSEPORT). With port 0 the kernel chooses one for all.
 *
 * Returns the reason if the addon does not load. Throws what the kernel says
 * when the address cannot be had.
 */
export function openGroup(at: Address, size: number): ListenerGroup | string {
  const addon = loadAddon()
  return typeof addon === 'string' ? addon : new ListenerGroup(addon, at, size)
}

/**
 * Sockets that outlive who reads them. A worker is given a duplicate of its
 * own; when it dies, datagrams wait in the socket for its successor, and the
 * kernel sends nobody elsewhere meanwhile.
 */
export class ListenerGroup {
  readonly local: Address
  readonly #addon: NativeAddon
  readonly #fds: number[] = []

  constructor(addon: NativeAddon, at: Address, size: number) {
    this.#addon = addon
    const record = new Uint8Array(RECORD)
    writeRecord(at, record, 0)
    for (let i = 0; i < size; i++) {
      // The record holds the port that the first one got.
      const fd = addon.listen(record, BindFlag.reusePort | BindFlag.v6only, 0, 0)
      if (fd < 0) {
        this.close()
        throw systemError(fd, 'bind')
      }
      this.#fds.push(fd)
    }
    this.local = readRecord(record, 0)
  }

  /** A descriptor of the socket at `index` for `Bind.fd`, which closes it. */
  take(index: number): number {
    const own = this.#fds[index]
    if (own === undefined) throw new RangeError(`no socket ${index} in this group`)
    const fd = this.#addon.duplicate(own)
    if (fd < 0) throw systemError(fd, 'dup')
    return fd
  }

  close(): void {
    for (const fd of this.#fds.splice(0)) this.#addon.release(fd)
  }
}
