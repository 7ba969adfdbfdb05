import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { BackupStore, StoredFile } from './store.ts'

/** Behind a file that is being written. */
const DRAFT = '.new'

/** Files in a folder, which may be one of another machine. Nobody else may read them. */
export class FolderStore implements BackupStore {
  readonly name: string

  constructor(folder: string) {
    this.name = folder
  }

  async put(name: string, octets: AsyncIterable<Buffer>, told = (_: number) => {}): Promise<void> {
    await mkdir(this.name, { recursive: true, mode: 0o700 })
    const file = join(this.name, name)
    const draft = `${file}${DRAFT}`
    await rm(draft, { force: true })
    const handle = await open(draft, 'wx', 0o600)
    try {
      let written = 0
      for await (const piece of octets) {
        await handle.writeFile(piece)
        told((written += piece.length))
      }
      await handle.sync()
      await handle.close()
      await rename(draft, file)
    } catch (error) {
      await handle.close().catch(() => {})
      await rm(draft, { force: true }).catch(() => {})
      throw error
    }
  }

  async *get(name: string): AsyncGenerator<Buffer> {
    for await (const piece of createReadStream(join(this.name, name))) yield piece
  }

  async list(): Promise<StoredFile[]> {
    const names = await readdir(this.name).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return []
      throw error
    })
    const files: StoredFile[] = []
    for (const name of names) {
      const { size } = await stat(join(this.name, name)).catch(() => ({ size: undefined }))
      if (size !== undefined && !name.endsWith(DRAFT)) files.push({ name, size })
    }
    return files
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.name, name), { force: true })
  }
}
