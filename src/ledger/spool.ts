import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isUsageBatch, type UsageBatch, type UsageRow } from './usage.ts'

/** A batch whose rows are made as they are written. */
export type FreshBatch = Omit<UsageBatch, 'rows'> & { readonly rows: Iterable<UsageRow> }

/** A batch that waits on disk. */
export interface SpooledBatch {
  readonly file: string
  readonly batch: UsageBatch
}

const NAME = /^[0-9a-f]{16}-[0-9]{10}\.json$/
/** Octets of batches that are read at once. */
const BLOCK = 2 << 20

/**
 * The folder in which batches wait until the database has them. It stands
 * between the two, so nobody waits for a database that is slow, full or away.
 */
export class Spool {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Keeps a batch: as a whole or not at all, also across a power cut. Resolves with its octets. */
  async write({ writer, sequence, rows }: FreshBatch): Promise<number> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    const file = join(this.#folder, `${writer}-${String(sequence).padStart(10, '0')}.json`)
    const draft = `${file}.new`
    await rm(draft, { force: true })
    const handle = await open(draft, 'wx', 0o600)
    try {
      const head = `{"writer":"${writer}","sequence":${sequence},"rows":[`
      const octets = await writeRows(handle, head, rows).finally(() => handle.close())
      await rename(draft, file)
      return octets
    } catch (error) {
      // The next one has another name, and a disk that is full does not get fuller of halves.
      await rm(draft, { force: true }).catch(() => {})
      throw error
    }
  }

  /** Octets that wait. */
  async size(): Promise<number> {
    let octets = 0
    for (const name of await this.#names()) {
      octets += await stat(join(this.#folder, name)).then(
        ({ size }) => size,
        () => 0,
      )
    }
    return octets
  }

  /**
   * The oldest batches of each writer, some megabytes of them. One that cannot be read is
   * put aside, and `damaged` is told its name.
   */
  async read(damaged: (file: string) => void): Promise<SpooledBatch[]> {
    const batches: SpooledBatch[] = []
    let octets = 0
    for (const name of await this.#names()) {
      if (octets > BLOCK) break
      const file = join(this.#folder, name)
      const text = await readFile(file, 'utf8')
      const batch = parse(text)
      octets += text.length
      if (batch) batches.push({ file, batch })
      else {
        await rename(file, `${file}.damaged`)
        damaged(`${file}.damaged`)
      }
    }
    return batches
  }

  async remove(batches: readonly SpooledBatch[]): Promise<void> {
    for (const { file } of batches) await rm(file, { force: true })
  }

  /** By writer, and of one writer in the order in which they were written. */
  async #names(): Promise<string[]> {
    try {
      return (await readdir(this.#folder)).filter(name => NAME.test(name)).sort()
    } catch {
      return []
    }
  }
}

/** Rows that are written at once: well below a millisecond. */
const ROWS = 256

async function writeRows(handle: FileHandle, head: string, rows: Iterable<UsageRow>): Promise<number> {
  let octets = 0
  const put = async (text: string) => {
    const bytes = Buffer.from(text)
    // A disk that becomes full takes a part and reports no error; the rest fails with the next call.
    for (let at = 0; at < bytes.length; ) at += (await handle.write(bytes, at)).bytesWritten
    octets += bytes.length
  }
  await put(head)
  let before = ''
  let some: UsageRow[] = []
  const putSome = async () => {
    await put(before + JSON.stringify(some).slice(1, -1))
    before = ','
    some = []
  }
  for (const row of rows) if (some.push(row) === ROWS) await putSome()
  if (some.length > 0) await putSome()
  await put(']}\n')
  await handle.sync()
  return octets
}

function parse(text: string): UsageBatch | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isUsageBatch(value) ? value : undefined
  } catch {
    return undefined
  }
}
