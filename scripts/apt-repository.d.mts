export interface AptRepository {
  /** Where to write it; what is there goes away. */
  readonly folder: string
  /** Paths of .deb files. */
  readonly packages: readonly string[]
  readonly date: Date
  /** The GnuPG key to sign with; unsigned without. */
  readonly key?: string | undefined
}

export function writeAptRepository(asked: AptRepository): void
