import { constants } from 'node:os'
import { RECORD, readRecord } from '../../base/address.ts'
import type { SocketId } from '../../base/ids.ts'
import type { Unreachable } from '../../core/input.ts'
import { ERROR_WORDS } from '../../system/native-addon.ts'

/** Where an error came from (SO_EE_ORIGIN_… of linux/errqueue.h). */
const LOCAL = 1
const ICMP = 2
const ICMPV6 = 3

/**
 * Reads the ICMP error at `index` of what the addon wrote. Returns `undefined`
 * for types that TURN does not pass on (RFC 8656 §11.5).
 *
 * A datagram that this machine refused, as it may not be fragmented and the way
 * is too narrow, is told in the words that a router would have used. Of such an
 * IPv4 one the peer's port is not known and 0.
 */
export function readUnreachable(
  errors: Uint32Array,
  peers: Uint8Array,
  index: number,
): Unreachable | undefined {
  const at = index * ERROR_WORDS
  const socket = errors[at]! as SocketId
  const origin = errors[at + 1]! & 255
  const info = errors[at + 3]!
  const peer = readRecord(peers, index * RECORD)
  if (origin === LOCAL) {
    if (errors[at + 1]! >> 8 !== constants.errno.EMSGSIZE) return undefined
    return peer.family === 4
      ? { socket, peer, type: 3, code: 4, data: info }
      : { socket, peer, type: 2, code: 0, data: info }
  }
  const type = errors[at + 2]! >> 8
  const code = errors[at + 2]! & 255
  if (origin === ICMP && (type === 3 || type === 11)) {
    return { socket, peer, type, code, data: type === 3 && code === 4 ? info : 0 }
  }
  if (origin === ICMPV6 && type >= 1 && type <= 3) {
    return { socket, peer, type, code, data: type === 2 ? info : 0 }
  }
  return undefined
}
