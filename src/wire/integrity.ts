import { hash, timingSafeEqual } from 'node:crypto'
import { MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256 } from './attributes.ts'
import { type IntegrityKind, MAC_LENGTH, messageMac } from './hmac.ts'
import { has, type Message } from './message.ts'

/** Ways to derive the long-term key (RFC 8489 §18.5). */
export const PasswordAlgorithm = { MD5: 1, SHA256: 2 } as const

/**
 * Derives the long-term key (RFC 8489 §9.2.2, §18.5.1): 32 octets for SHA-256,
 * else the 16 of MD5, which is what holds where no algorithm is named. The
 * username goes in as received. Quotes around username and realm, and NULs at
 * the end of all three, are not significant.
 */
export function longTermKey(username: string, realm: string, password: string, algorithm: number): Buffer {
  return keyOf(username, realm, opaqueString(withoutNuls(password)), algorithm)
}

/**
 * The keys that clients make of a password: the one of the RFC and, where the
 * preparation changes the password, the one without it, since browsers and most
 * other clients prepare nothing (P-10).
 */
export function longTermKeys(
  username: string,
  realm: string,
  password: string,
  algorithm: number,
): readonly Buffer[] {
  const typed = withoutNuls(password)
  const passwords = [...new Set([opaqueString(typed), typed])]
  return passwords.map(secret => keyOf(username, realm, secret, algorithm))
}

function keyOf(username: string, realm: string, secret: string, algorithm: number): Buffer {
  const user = unquote(withoutNuls(username))
  const domain = opaqueString(unquote(withoutNuls(realm)))
  const kind = algorithm === PasswordAlgorithm.SHA256 ? 'sha256' : 'md5'
  return hash(kind, `${user}:${domain}:${secret}`, 'buffer')
}

/** Computes the 32 octets of USERHASH (RFC 8489 §14.4). */
export function userhash(username: string, realm: string): Buffer {
  return hash('sha256', `${opaqueString(username)}:${opaqueString(realm)}`, 'buffer')
}

/**
 * Prepares a text as the OpaqueString profile of PRECIS does (RFC 8265 §4.2.2):
 * spaces beyond ASCII become U+0020, then NFC. Disallowed code points are left
 * as they are, since a text that holds them matches no other way of writing it.
 */
export function opaqueString(text: string): string {
  if (isPlain(text)) return text
  return text.replace(/\p{Zs}/gu, ' ').normalize('NFC')
}

/** Tells which integrity decides about a message; the stronger one when both are there (RFC 8489 §9.2.4). */
export function integrityKind(message: Message): IntegrityKind | undefined {
  if (has(message, MESSAGE_INTEGRITY_SHA256)) return 'sha256'
  return has(message, MESSAGE_INTEGRITY) ? 'sha1' : undefined
}

/**
 * Verifies a message's integrity in constant time. False when it is not there,
 * and for classic messages, which RFC 3489 signs in another way.
 */
export function verify(message: Message, kind: IntegrityKind, key: Buffer): boolean {
  if (message.classic) return false
  const type = kind === 'sha1' ? MESSAGE_INTEGRITY.type : MESSAGE_INTEGRITY_SHA256.type
  const found = message.attributes.find(attribute => attribute.type === type)
  // timingSafeEqual throws on unequal lengths.
  if (!found || found.value.length !== MAC_LENGTH[kind]) return false
  return timingSafeEqual(found.value, messageMac(kind, key, message.bytes, found.offset))
}

/** ASCII is its own OpaqueString, and nearly all texts are ASCII. */
function isPlain(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false
  return true
}

function withoutNuls(text: string): string {
  let end = text.length
  while (end > 0 && text.charCodeAt(end - 1) === 0) end--
  return text.slice(0, end)
}

function unquote(text: string): string {
  return text.length >= 2 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text
}
