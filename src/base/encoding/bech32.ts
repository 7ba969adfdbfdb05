/* Bech32 (BIP 173), in which keys of age are written. */

const DIGITS = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'

/** The octets behind a prefix; undefined where the checksum is wrong, or it is not in lower case. */
export function octetsOfBech32(prefix: string, text: string): number[] | undefined {
  if (!text.startsWith(`${prefix}1`)) return undefined
  const values = Array.from(text.slice(prefix.length + 1), digit => DIGITS.indexOf(digit))
  if (values.includes(-1) || checksum([...expanded(prefix), ...values]) !== 1) return undefined
  return regroup(values.slice(0, -6), 5, 8, false)
}

export function bech32Of(prefix: string, octets: Uint8Array): string {
  const values = regroup([...octets], 8, 5, true)!
  const sum = checksum([...expanded(prefix), ...values, 0, 0, 0, 0, 0, 0]) ^ 1
  const check = Array.from({ length: 6 }, (_, i) => (sum >> (5 * (5 - i))) & 31)
  return `${prefix}1${[...values, ...check].map(value => DIGITS[value]).join('')}`
}

function expanded(prefix: string): number[] {
  const codes = Array.from(prefix, letter => letter.charCodeAt(0))
  return [...codes.map(code => code >> 5), 0, ...codes.map(code => code & 31)]
}

function checksum(values: readonly number[]): number {
  const generator = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3]
  let sum = 1
  for (const value of values) {
    const top = sum >>> 25
    sum = ((sum & 0x1ffffff) << 5) ^ value
    for (const [i, term] of generator.entries()) if ((top >> i) & 1) sum ^= term
  }
  return sum
}

/** Groups bits anew; undefined where what is left over is not padding. */
function regroup(values: readonly number[], from: number, to: number, pads: boolean): number[] | undefined {
  const groups: number[] = []
  let [bits, held] = [0, 0]
  for (const value of values) {
    held = ((held << from) | value) & 0xfff
    bits += from
    while (bits >= to) {
      bits -= to
      groups.push((held >> bits) & ((1 << to) - 1))
    }
  }
  const rest = (held << (to - bits)) & ((1 << to) - 1)
  if (pads && bits > 0) groups.push(rest)
  else if (!pads && (bits >= from || rest !== 0)) return undefined
  return groups
}
