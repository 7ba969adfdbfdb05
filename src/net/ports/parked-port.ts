import { type Address, RECORD, writeRecord } from '../../base/address.ts'
import { failed, type Result, succeeded } from '../../base/result.ts'
import type { Time } from '../../base/time.ts'
import type { Owner } from '../../core/event.ts'
import { BindFlag, loadAddon } from '../../system/native-addon.ts'
import { systemError } from '../../system/system-error.ts'

/**
 * A relay socket that is bound and that nobody reads, because its port is
 * reserved for the client that brings the token (RFC 8656 §7.2). Descriptors
 * count for the whole process, so any shard may adopt it.
 */
export interface ParkedPort {
  readonly token: Uint8Array
  readonly fd: number
  readonly local: Address
}

/** A port that waits for its token, and whose unit of the quota it is. */
export interface ReservedPort {
  readonly parked: ParkedPort
  readonly owner: Owner
  readonly client: Address
  readonly expires: Time
}

/** Binds a UDP socket that nobody reads; returns its descriptor, or what the kernel says. */
export function parkSocket(at: Address): Result<number, NodeJS.ErrnoException> {
  return bindUnread({ transport: 'udp', address: at })
}

/** Binds a socket of a listener that nobody reads, or accepts connections from; returns as `parkSocket`. */
export function bindUnread({
  transport,
  address,
}: {
  readonly transport: 'udp' | 'tcp' | 'tls'
  readonly address: Address
}): Result<number, NodeJS.ErrnoException> {
  const addon = loadAddon()
  if (!addon.ok) return failed(new Error(addon.error))
  const record = new Uint8Array(RECORD)
  writeRecord(address, record, 0)
  const flags = BindFlag.v6only | (transport === 'udp' ? 0 : BindFlag.stream)
  const fd = addon.value.listen(record, flags, 0, 0)
  return fd >= 0 ? succeeded(fd) : failed(systemError(fd, 'bind'))
}

/** Closes a descriptor that nobody reads. */
export function releaseSocket(fd: number): void {
  const addon = loadAddon()
  if (addon.ok) addon.value.release(fd)
}
