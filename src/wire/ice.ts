import { USERNAME } from './attributes.ts'
import { ATTRIBUTE_HEADER, HEADER_LENGTH, MAGIC_COOKIE, padded } from './header.ts'

/** A STUN message between two ICE agents, as far as it says who they are. */
export type IceMessage =
  /** A connectivity check; `username` is the receiver's fragment, a colon, the sender's (RFC 8445 §7.2.2). */
  | { readonly kind: 'check'; readonly transaction: string; readonly username: string }
  /** Another request. */
  | { readonly kind: 'request'; readonly transaction: string }
  | { readonly kind: 'success' | 'error'; readonly transaction: string }

const BINDING_REQUEST = 0x0001
/** The bits of a message type that are the class (RFC 8489 §5). */
const CLASS = 0x0110
/** Attributes that are looked at; a check has fewer before its USERNAME. */
const MOST = 16
/** Octets of the longest USERNAME of a check: two fragments of 256 and a colon (RFC 8839 §5.4). */
const LONGEST = 513

/**
 * Reads what two peers send each other as far as it is a STUN request or an answer to one, without parsing the whole.
 * Undefined for all else, indications included.
 */
export function readIce(payload: Buffer): IceMessage | undefined {
  if (payload.length < HEADER_LENGTH || payload[0]! > 3) return undefined
  if (payload.readUInt32BE(4) !== MAGIC_COOKIE) return undefined
  if (payload.readUInt16BE(2) !== payload.length - HEADER_LENGTH) return undefined
  const type = payload.readUInt16BE(0)
  const transaction = payload.toString('latin1', 8, HEADER_LENGTH)
  switch (type & CLASS) {
    case 0x0000: {
      const username = type === BINDING_REQUEST ? usernameOf(payload) : undefined
      return username === undefined
        ? { kind: 'request', transaction }
        : { kind: 'check', transaction, username }
    }
    case 0x0100:
      return { kind: 'success', transaction }
    case 0x0110:
      return { kind: 'error', transaction }
    default:
      return undefined
  }
}

/** The USERNAME of checks in the other direction; undefined where a text is not that of a check. */
export function reversedUsername(username: string): string | undefined {
  const colon = username.indexOf(':')
  return colon < 0 ? undefined : `${username.slice(colon + 1)}:${username.slice(0, colon)}`
}

/** The USERNAME, if it has the form of a check's. */
function usernameOf(payload: Buffer): string | undefined {
  for (let at = HEADER_LENGTH, n = 0; n < MOST && at + ATTRIBUTE_HEADER <= payload.length; n++) {
    const start = at + ATTRIBUTE_HEADER
    const length = payload.readUInt16BE(at + 2)
    if (payload.readUInt16BE(at) === USERNAME.type) {
      if (length > LONGEST || start + length > payload.length) return undefined
      const text = payload.toString('latin1', start, start + length)
      return text.includes(':') ? text : undefined
    }
    at = start + padded(length)
  }
  return undefined
}
