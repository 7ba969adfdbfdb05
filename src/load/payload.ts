/*
 * What the generator sends, so that it can tell whether what arrives is that:
 *
 *    0  mark (2), run (2)          packets of an earlier run are told apart
 *    4  stream (4)                 which allocation, and in which direction
 *    8  sequence (4)               within the stream
 *   12  stamp (4)                  microseconds when it was sent, modulo 2^32
 *   16  check (4)                  over all of the above and the length
 *   20  filler                     the same octets in every packet
 */
export const PAYLOAD_HEADER = 20
export const LONGEST_PAYLOAD = 65_000

const MARK = 0xca11
const FILLER = Buffer.alloc(LONGEST_PAYLOAD)
for (let i = 0; i < FILLER.length; i++) FILLER[i] = (i * 167 + (i >> 8) * 13) & 255

/** Writes the filler of a payload at `start`; it need not be written again for the next one there. */
export function writeFiller(bytes: Buffer, start: number, octets: number): void {
  FILLER.copy(bytes, start + PAYLOAD_HEADER, PAYLOAD_HEADER, octets)
}

/** What a payload says of itself. */
export interface PayloadFields {
  readonly run: number
  readonly stream: number
  readonly sequence: number
  /** Microseconds when it was sent, modulo 2^32. */
  readonly stamp: number
}

/** Writes everything but the filler. */
export function writePayload(
  bytes: Buffer,
  start: number,
  octets: number,
  { run, stream, sequence, stamp }: PayloadFields,
): void {
  const mark = ((MARK << 16) | run) >>> 0
  bytes.writeUInt32BE(mark, start)
  bytes.writeUInt32BE(stream, start + 4)
  bytes.writeUInt32BE(sequence, start + 8)
  bytes.writeUInt32BE(stamp, start + 12)
  bytes.writeUInt32BE(checkOf(mark, stream, sequence, stamp, octets), start + 16)
}

/** Reads payloads one after the other; what the last one said stands in its fields. */
export class PayloadReader {
  run = 0
  stream = 0
  sequence = 0
  stamp = 0

  /** Reads the payload at `start`; false if it is not exactly what was sent. */
  read(bytes: Buffer, start: number, octets: number): boolean {
    if (octets < PAYLOAD_HEADER || octets > LONGEST_PAYLOAD) return false
    const mark = bytes.readUInt32BE(start)
    this.run = mark & 0xffff
    this.stream = bytes.readUInt32BE(start + 4)
    this.sequence = bytes.readUInt32BE(start + 8)
    this.stamp = bytes.readUInt32BE(start + 12)
    const check = checkOf(mark, this.stream, this.sequence, this.stamp, octets)
    if (mark >>> 16 !== MARK || bytes.readUInt32BE(start + 16) !== check) return false
    return bytes.compare(FILLER, PAYLOAD_HEADER, octets, start + PAYLOAD_HEADER, start + octets) === 0
  }
}

/** Any single bit that flips in one of these changes the check: every step can be undone. */
function checkOf(mark: number, stream: number, sequence: number, stamp: number, octets: number): number {
  let check = stir(mark, octets)
  check = stir(check, stream)
  check = stir(check, sequence)
  return stir(check, stamp) >>> 0
}

function stir(check: number, word: number): number {
  const mixed = Math.imul(check ^ word, 0x9e3779b1)
  return mixed ^ (mixed >>> 15)
}
