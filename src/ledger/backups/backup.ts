import { Readable } from 'node:stream'
import { createGunzip, createGzip } from 'node:zlib'
import { encrypted } from './age.ts'
import { FolderStore } from './folder-store.ts'
import { linesOf, NotRestored } from './ledger-lines.ts'
import { type S3Plan, S3Store } from './s3-store.ts'
import { withSnapshot } from './snapshot.ts'
import type { BackupStore, StoredFile } from './store.ts'

/** When it was made, and whether it is encrypted, is in the name. */
const NAME = /^ledger-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z\.jsonl\.gz(?:\.age)?$/

export interface BackupPlan {
  /** A path, or `postgresql://…`. */
  readonly database: string
  readonly where: { readonly folder: string } | { readonly s3: S3Plan }
  /** Octets of a public key of age; what is kept is encrypted for it. */
  readonly recipient?: Buffer | undefined
  /** How many backups are kept. */
  readonly keep: number
}

export interface MadeBackup {
  readonly name: string
  /** Rows, and octets of what is kept. */
  readonly rows: number
  readonly octets: number
  /** Old ones that were deleted. */
  readonly removed: readonly string[]
}

/** How far it has come. */
export type BackupProgress = (done: { readonly rows: number; readonly octets: number }) => void

export interface StoredBackup extends StoredFile {
  /** Milliseconds since the epoch. */
  readonly made: number
}

export function storeOf(where: BackupPlan['where']): BackupStore {
  return 's3' in where ? new S3Store(where.s3) : new FolderStore(where.folder)
}

/** Backups in a store, the newest first; other files are none of ours. */
export async function backupsIn(store: BackupStore): Promise<StoredBackup[]> {
  const files = await store.list()
  return files
    .flatMap(file => {
      const made = madeAt(file.name)
      return made === undefined ? [] : [{ ...file, made }]
    })
    .sort((a, b) => b.made - a.made)
}

/**
 * Puts everything in a ledger into a store, compressed and, if there is a key, encrypted on its way, and deletes the
 * oldest backups beyond those that are to be kept. `now` is in milliseconds since the epoch.
 */
export async function makeBackup(
  { database, where, recipient, keep }: BackupPlan,
  now: number,
  told: BackupProgress = () => {},
): Promise<MadeBackup> {
  const store = storeOf(where)
  const made = new Date(now).toISOString().replace(/\.\d+/, '')
  const name = `ledger-${made.replaceAll(/[-:]/g, '')}.jsonl.gz${recipient ? '.age' : ''}`
  const done = { rows: 0, octets: 0 }
  await withSnapshot(database, async still => {
    const lines = linesOf(still, made, rows => told(Object.assign(done, { rows })))
    const packed = through(octetsOf(lines), createGzip())
    await store.put(name, recipient ? encrypted(packed, recipient) : packed, octets =>
      told(Object.assign(done, { octets })),
    )
  })
  const old = (await backupsIn(store)).slice(keep).filter(one => one.name !== name)
  for (const one of old) await store.remove(one.name)
  return { name, ...done, removed: old.map(one => one.name) }
}

/** The lines of a backup, unpacked. */
export async function* unpacked(packed: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* through(packed, createGunzip())
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'Z_BUF_ERROR') throw new NotRestored('cut-off')
    throw code === 'Z_DATA_ERROR' ? new NotRestored('not-a-backup') : error
  }
}

async function* through(
  octets: AsyncIterable<Buffer>,
  zip: ReturnType<typeof createGzip> | ReturnType<typeof createGunzip>,
): AsyncGenerator<Buffer> {
  const source = Readable.from(octets)
  source.on('error', error => zip.destroy(error))
  source.pipe(zip)
  try {
    for await (const piece of zip) yield piece
  } finally {
    source.destroy()
    zip.destroy()
  }
}

async function* octetsOf(lines: AsyncIterable<string>): AsyncGenerator<Buffer> {
  for await (const line of lines) yield Buffer.from(line)
}

/** Undefined where it is not the name of a backup. */
function madeAt(name: string): number | undefined {
  const [, year, month, day, hour, minute, second] = NAME.exec(name)?.map(Number) ?? []
  return year === undefined ? undefined : Date.UTC(year, month! - 1, day, hour, minute, second)
}
