import type { AllocationId, SocketId } from '../../base/ids.ts'
import type { Time } from '../../base/time.ts'
import { list, record, SHAPES, type Shape, type Shaped } from './shapes.ts'

const { f64, flag, ip, latin1, text, u32 } = SHAPES

const time = f64 as Shape<Time>
const allocationId = f64 as Shape<AllocationId>
const socket = u32 as Shape<SocketId>
const standing = { isCurrent: flag, isChosen: flag }

/** What an allocation has on a relay port that others have too; addresses as the octets of their keys. */
export const MEMBER = record({
  allocation: allocationId,
  socket,
  usernames: list(latin1),
  contacts: list(record({ peer: latin1, until: time, isProved: flag, ...standing })),
  links: list(record({ at: latin1, other: allocationId, until: time, ...standing })),
})
export type MemberRecord = Shaped<typeof MEMBER>

/** A peer on a shared port whose client has gone. */
export const LEFT_CONTACT = record({ socket, peer: latin1, user: text, ip, until: time })
export type LeftContactRecord = Shaped<typeof LEFT_CONTACT>
