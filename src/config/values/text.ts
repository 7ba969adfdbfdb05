import { succeeded } from '../../base/result.ts'
import { notAccepted, type Parsed } from '../fault.ts'

/**
 * Reads the realm: the name of this server, since TURN URIs are made from it.
 * It is repeated in every 401, so a long one makes those larger than need be;
 * RFC 8489 §14.9 allows fewer than 128 characters.
 */
export function parseRealm(text: string): Parsed<string> {
  if (HOST_NAME.test(text)) return succeeded(text)
  const inside =
    /^(?:[a-z][a-z0-9+.-]*:\/\/|(?:turn|stun)s?:)?(?:[^@/]*@)?([^/:?#\s"]+)(?:[:/?#].*)?$/i.exec(
      text.trim(),
    )?.[1] ?? ''
  const guess = HOST_NAME.test(inside) ? inside : 'turn.example.org'
  return notAccepted('realm', { given: text, guess })
}

/** Labels of letters, digits, hyphens and underscores, up to 127 characters in all; an IPv4 address looks the same. */
const HOST_NAME =
  /^(?=.{1,127}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*$/

/** Reads a homeserver's name, which becomes a field in logs and a label in metrics. */
export function parseHomeserverName(text: string): Parsed<string> {
  return /^[^\s"\\\p{C}]{1,255}$/u.test(text)
    ? succeeded(text)
    : notAccepted('homeserver-name', { given: text })
}

/** Reads the name of a user with a fixed password. It must not look like a time-limited name. */
export function parseUserName(text: string): Parsed<string> {
  if (/^[0-9]+(:|$)/.test(text)) return notAccepted('user-name-timed', { given: text })
  // USERNAME holds fewer than 509 octets (RFC 8489 §14.3).
  const fits = text !== '' && Buffer.byteLength(text) < 509
  return fits && !/\p{Cc}/u.test(text) ? succeeded(text) : notAccepted('user-name', { given: text })
}

/** Reads a TURN URI (RFC 7065). One that browsers cannot read would break every call, so it is checked here. */
export function parseTurnUri(text: string): Parsed<string> {
  const uri = /^turns?:([A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?(\?transport=(udp|tcp))?$/.exec(text)
  if (uri && Number(uri[2]?.slice(1) ?? 1) <= 65535) return succeeded(text)
  return /^stuns?:/.test(text)
    ? notAccepted('turn-uri-stun', { given: text })
    : notAccepted('turn-uri', { given: text })
}
