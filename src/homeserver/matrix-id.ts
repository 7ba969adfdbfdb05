import { address, parseIp } from '../base/address.ts'

/** The name of a Matrix server (Appendices, "Server name"). */
export interface ServerName {
  /** In lower case, as users' IDs end. */
  readonly text: string
  /** Without port and brackets. */
  readonly host: string
  /** Where the host is an address; IPv4-mapped ones as IPv4. */
  readonly ip?: Uint8Array
  readonly port?: number
}

/** The longest that a server name or a user ID may be, in octets. */
const LONGEST = 255

/** Reads a server name; undefined when it is none. */
export function parseServerName(text: string): ServerName | undefined {
  if (text.length > LONGEST) return undefined
  const parts = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]+))(?::([0-9]{1,5}))?$/.exec(text)
  if (!parts) return undefined
  const [, literal, name, digits] = parts
  const port = digits === undefined ? undefined : Number(digits)
  if (port !== undefined && (port === 0 || port > 65535)) return undefined
  const host = (literal ?? name!).toLowerCase()
  const ip = parseIp(host)
  if (literal !== undefined && ip?.length !== 16) return undefined
  // What ends in digits is an address in a notation that not everybody reads the same way.
  if (!ip && (/(^|\.)[0-9]+\.?$/.test(host) || /^[.-]|\.\./.test(host))) return undefined
  // Not every such name can stand in a URL: some that begin with xn-- mean nothing.
  if (!URL.canParse(`https://${text}/`)) return undefined
  return {
    text: text.toLowerCase(),
    host,
    ...(ip && { ip: address(ip, 0).ip }),
    ...(port !== undefined && { port }),
  }
}

/** Splits `@alice:example.org` at its first colon; undefined if it is not a user ID. */
export function splitUserId(
  text: unknown,
): { readonly user: string; readonly server: ServerName } | undefined {
  if (typeof text !== 'string' || Buffer.byteLength(text) > LONGEST || /\p{C}/u.test(text)) return undefined
  const colon = text.indexOf(':')
  if (!text.startsWith('@') || colon < 2) return undefined
  const server = parseServerName(text.slice(colon + 1))
  return server && { user: text, server }
}

/** True when `name` is on the list; `*.example.org` stands for all below that domain, on any port. */
export function isListed(name: ServerName, patterns: readonly string[]): boolean {
  return patterns.some(pattern =>
    pattern.startsWith('*.') ? !name.ip && name.host.endsWith(pattern.slice(1)) : pattern === name.text,
  )
}
