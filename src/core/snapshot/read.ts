import { failed, type Result, succeeded } from '../../base/result.ts'
import { openSnapshot, type SnapshotReader } from './envelope.ts'
import { SnapshotRefusal } from './octet-reader.ts'
import { type AllocationRecord, END, type SnapshotPart } from './parts.ts'

/**
 * Reads a snapshot part by part, to be handed to a fresh relay in this order as
 * inputs `restore`; no part is kept longer, since most of the time would go
 * into moving them about in memory. Yields `undefined` where others may have
 * their turn.
 *
 * A snapshot that is damaged or unknown is refused before the first part. One
 * that a faulty relay wrote may be refused later: the relay that was given
 * parts of it must then be thrown away.
 */
export function* readSnapshot(
  bytes: Uint8Array,
): Generator<SnapshotPart | undefined, Result<undefined, string>> {
  const opened = yield* openSnapshot(bytes)
  if (!opened.ok) return opened
  const reader = opened.value
  const linked: AllocationRecord[] = []
  try {
    for (let count = 0; ; count++) {
      const part = readPart(reader)
      if (!part) {
        if (!reader.isAtEnd || count === 0) return failed('the snapshot has no end')
        break
      }
      if ((part.kind === 'base') !== (count === 0)) reader.refuse('the parts are out of order')
      if (part.kind === 'allocations') linked.push(...part.value.filter(isLinked))
      yield part
    }
  } catch (error) {
    if (error instanceof SnapshotRefusal) return failed(error.message)
    throw error
  }
  for (let at = 0; at < linked.length; at += LINKS) {
    yield { kind: 'links', value: linked.slice(at, at + LINKS) }
  }
  yield { kind: 'complete' }
  return succeeded(undefined)
}

/** Allocations whose links are restored in one go. */
const LINKS = 16

function isLinked({ legs }: AllocationRecord): boolean {
  return legs.some(leg => leg.linked.length > 0)
}

function readPart(reader: SnapshotReader): SnapshotPart | undefined {
  const number = reader.u8()
  if (number === END) return undefined
  const part = reader.readers[number]
  if (!part) reader.refuse(`part ${number} is not known`)
  return { kind: part.kind, value: part.shape.read(reader) } as SnapshotPart
}
