import { failed, type Result, succeeded } from '../../base/result.ts'
import { openSnapshot, type SnapshotReader, SnapshotRefusal } from './octets.ts'
import { END, PARTS, type SnapshotPart } from './parts.ts'

/**
 * Reads a snapshot into parts, to be handed to a fresh relay in order as
 * inputs `restore`. Nothing is restored of one that cannot be read whole.
 * Yields often, so that others get their turn.
 */
export function* readSnapshot(
  bytes: Uint8Array,
): Generator<undefined, Result<readonly SnapshotPart[], string>> {
  const opened = openSnapshot(bytes)
  if (!opened.ok) return opened
  const parts: SnapshotPart[] = []
  try {
    for (;;) {
      const part = readPart(opened.value)
      if (!part) break
      if ((part.kind === 'base') !== (parts.length === 0)) opened.value.refuse('the parts are out of order')
      parts.push(part)
      yield undefined
    }
  } catch (error) {
    if (error instanceof SnapshotRefusal) return failed(error.message)
    throw error
  }
  if (!opened.value.isAtEnd || parts.length === 0) return failed('the snapshot has no end')
  const links = parts.flatMap((part): SnapshotPart[] =>
    part.kind === 'allocations' ? [{ kind: 'links', value: part.value }] : [],
  )
  return succeeded([...parts, ...links, { kind: 'complete' }])
}

function readPart(reader: SnapshotReader): SnapshotPart | undefined {
  const number = reader.u8()
  if (number === END) return undefined
  if (!(number in PARTS)) reader.refuse(`part ${number} is not known`)
  const { kind, shape } = PARTS[number as keyof typeof PARTS]
  return { kind, value: shape.read(reader) } as SnapshotPart
}
