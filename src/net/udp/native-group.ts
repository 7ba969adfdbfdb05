import { type Address, RECORD, readRecord, writeRecord } from '../../base/address.ts'
import { type Result, succeeded } from '../../base/result.ts'
import { BindFlag, loadAddon, type NativeAddon } from '../../system/native-addon.ts'
import { systemError } from '../../system/system-error.ts'

/**
 * Opens `size` sockets on one address, among which the kernel spreads clients:
 * packets from the same address and port always reach the same one
 * (SO_REUSEPORT). Those for TCP listen. With port 0 the kernel chooses one for
 * all.
 *
 * Fails with the reason if the addon does not load. Throws what the kernel says
 * when the address is not available.
 */
export function openGroup(
  at: Address,
  size: number,
  transport: 'udp' | 'tcp' = 'udp',
): Result<ListenerGroup, string> {
  const addon = loadAddon()
  return addon.ok ? succeeded(new ListenerGroup(addon.value, at, size, transport)) : addon
}

/**
 * Sockets that are bound already: a group that another process has opened, or the one listening TCP socket of the
 * service manager, for as many threads as want it: the quickest gets a connection. There is no such thing for UDP,
 * where a client must always meet the same one.
 */
export function inheritedGroup(
  local: Address,
  fds: readonly number[],
): Pick<ListenerGroup, 'local' | 'at' | 'close'> {
  return {
    local,
    at: index => fds[index % fds.length]!,
    close: () => {
      const addon = loadAddon()
      if (addon.ok) for (const fd of fds) addon.value.release(fd)
    },
  }
}

/**
 * Sockets that outlive who reads them. A worker is given a duplicate of its
 * own; when it dies, what arrives waits in the socket for its successor, and
 * the kernel sends nobody elsewhere meanwhile.
 */
export class ListenerGroup {
  readonly local: Address
  readonly #addon: NativeAddon
  readonly #fds: number[] = []

  constructor(addon: NativeAddon, at: Address, size: number, transport: 'udp' | 'tcp') {
    this.#addon = addon
    const record = new Uint8Array(RECORD)
    writeRecord(at, record, 0)
    const flags = BindFlag.v6only | (transport === 'tcp' ? BindFlag.stream : 0)
    // Another program of this user could join the group, or we could join its; a client's packets
    // would be split between two programs.
    const alone = this.#open(record, flags)
    addon.release(alone)
    for (let i = 0; i < size; i++) {
      // The record holds the port that the first one got.
      this.#fds.push(this.#open(record, flags | BindFlag.reusePort))
    }
    this.local = readRecord(record, 0)
  }

  /** A descriptor of the socket at `index`, to be closed by the thread that adopts it. */
  take(index: number): number {
    const fd = this.#addon.duplicate(this.at(index))
    if (fd < 0) throw systemError(fd, 'dup')
    return fd
  }

  /**
   * The descriptor of the socket at `index`, which is for others to duplicate;
   * descriptors count for the whole process.
   */
  at(index: number): number {
    const own = this.#fds[index]
    if (own === undefined) throw new RangeError(`no socket ${index} in this group`)
    return own
  }

  close(): void {
    for (const fd of this.#fds.splice(0)) this.#addon.release(fd)
  }

  #open(record: Uint8Array, flags: number): number {
    const fd = this.#addon.listen(record, flags, 0, 0)
    if (fd >= 0) return fd
    this.close()
    throw systemError(fd, 'bind')
  }
}

/**
 * A duplicate of another thread's descriptor, to be closed by the thread that
 * adopts it. Throws what the kernel says.
 */
export function duplicate(fd: number): number {
  const addon = loadAddon()
  if (!addon.ok) throw new Error(addon.error)
  const copy = addon.value.duplicate(fd)
  if (copy < 0) throw systemError(copy, 'dup')
  return copy
}
