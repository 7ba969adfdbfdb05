import { DEAR, inSlices } from '../system/slices.ts'

/** Items that are written at once, in far less than a millisecond. */
const RUN = 16
/** Characters of pieces that are put into one buffer. */
const CHUNK = 32 << 10

/**
 * A value as JSON, in pieces. Lists may be arrays or anything else that can be
 * iterated over; they are written a few items at a time, so that packets are
 * relayed between pieces, and no item is made before it is written.
 */
export function* jsonPieces(value: unknown): Generator<string> {
  if (isLong(value)) {
    yield* listPieces(value)
    return
  }
  if (!isObject(value) || !hasLong(value)) {
    yield JSON.stringify(value)
    return
  }
  let before = '{'
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined) continue
    yield `${before}${JSON.stringify(key)}:`
    before = ','
    yield* jsonPieces(member)
  }
  yield '}'
}

function* listPieces(items: Iterable<unknown>): Generator<string> {
  let before = '['
  let run: unknown[] = []
  for (const item of items) {
    if (run.push(item) < RUN) continue
    yield before + JSON.stringify(run).slice(1, -1)
    before = ','
    run = []
  }
  if (run.length > 0) yield before + JSON.stringify(run).slice(1, -1)
  else if (before === '[') yield before
  yield ']'
}

type Values = Readonly<Record<string, unknown>>

function isObject(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !('toJSON' in value)
}

/** Whether there is a long list in an object, or in one of those in it. */
function hasLong(value: Values): boolean {
  return Object.values(value).some(member => isLong(member) || (isObject(member) && hasLong(member)))
}

/** A list of unknown length counts as long. */
function isLong(value: unknown): value is Iterable<unknown> {
  if (Array.isArray(value)) return value.length > RUN
  return typeof value === 'object' && value !== null && Symbol.iterator in value
}

/** Pieces of text as octets, in slices. Octets lie outside the heap, where the collector does not move them. */
export async function encodePieces(pieces: Iterable<string>): Promise<Buffer[]> {
  const chunks: Buffer[] = []
  let text = ''
  const add = (piece: string) => {
    text += piece
    if (text.length < CHUNK) return
    chunks.push(Buffer.from(text))
    text = ''
  }
  await inSlices(pieces, add, DEAR)
  if (text !== '') chunks.push(Buffer.from(text))
  return chunks
}
