/** One file in a store. */
export interface StoredFile {
  readonly name: string
  /** Octets. */
  readonly size: number
}

/** Where backups are kept. Everything rejects with an error that says what went wrong and where, without secrets. */
export interface BackupStore {
  /** What it is called when people are told: a folder, or `s3://bucket/prefix`. */
  readonly name: string
  /** Keeps a file as a whole or not at all; `told` hears of octets as they are on their way. */
  put(name: string, octets: AsyncIterable<Buffer>, told?: (octets: number) => void): Promise<void>
  /** Octets of a file. Throws while it is read where there is none, or it ends early. */
  get(name: string): AsyncIterable<Buffer>
  list(): Promise<StoredFile[]>
  remove(name: string): Promise<void>
}
