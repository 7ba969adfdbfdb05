import { PARTS, type SnapshotPart } from './parts.ts'
import type { Shape } from './shapes.ts'

/** How the parts of one version are read, by the octet that begins each: always to what a part is now. */
export type PartReaders = Readonly<Record<number, PartReader>>
interface PartReader {
  readonly kind: SnapshotPart['kind']
  readonly shape: Pick<Shape<unknown>, 'read'>
}

/**
 * Every version of snapshots that this relay reads: that which it writes, and those of the two releases before it. To
 * change what is written, give `SNAPSHOT_VERSION` another number, keep the shapes that differ here, with what turns a
 * value into one of now, and add the file that test/unit/core/snapshot-formats.test.ts asks for.
 */
export const FORMATS: Readonly<Record<number, PartReaders>> = {
  5: PARTS,
}

/** Their numbers. */
export const READABLE: readonly number[] = Object.keys(FORMATS).map(Number)
