/**
 * Pseudonyms of one recording, in the order of first appearance. Equal values
 * get equal ones, and each has the length of what it stands for, so that no
 * length in a message changes. The file's size bounds how many there are.
 */
export class Masks {
  readonly #ips = new Map<string, Uint8Array>()
  readonly #names = new Map<string, string>()
  readonly #tokens = new Map<string, Buffer>()

  /** IPv4 becomes 240.0.0.1 and so on, which nobody has; IPv6 becomes 2001:db8::1 and so on (RFC 3849). */
  ip(ip: Uint8Array): Uint8Array {
    const name = Buffer.from(ip).toString('latin1')
    let mask = this.#ips.get(name)
    if (!mask) {
      mask = new Uint8Array(ip.length)
      mask.set(ip.length === 4 ? [240] : [0x20, 0x01, 0x0d, 0xb8])
      writeNumber(mask, this.#ips.size + 1, ip.length === 4 ? 3 : 4)
      this.#ips.set(name, mask)
    }
    return mask
  }

  /** `name-1......`: the dots make up for the length, in octets of UTF-8. Names too short for that become a number. */
  name(name: string): string {
    if (name === '') return name
    let mask = this.#names.get(name)
    if (mask === undefined) {
      const length = Buffer.byteLength(name)
      const number = this.#names.size + 1
      const readable = `name-${number}`
      const fits = readable.length <= length
      // Two very short names may share a pseudonym when there are thousands; a length that changes would be worse.
      mask = fits ? readable.padEnd(length, '.') : number.toString(36).padStart(length, '0').slice(-length)
      this.#names.set(name, mask)
    }
    return mask
  }

  /** Octets whose only meaning is whether they are the same, such as a RESERVATION-TOKEN. */
  token(octets: Uint8Array): Buffer {
    const name = Buffer.from(octets).toString('latin1')
    let mask = this.#tokens.get(name)
    if (!mask) {
      mask = Buffer.alloc(octets.length)
      writeNumber(mask, this.#tokens.size + 1, Math.min(4, octets.length))
      this.#tokens.set(name, mask)
    }
    return mask
  }
}

/** A pseudonym without the dots behind it. */
export function withoutFill(mask: string): string {
  return mask.replace(/\.+$/, '')
}

/** Writes the low octets of a number at the end. */
function writeNumber(into: Uint8Array, value: number, octets: number): void {
  for (let i = 1; i <= octets; i++) into[into.length - i] = (value >>> ((i - 1) * 8)) & 255
}
