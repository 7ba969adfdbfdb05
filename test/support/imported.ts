import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseIp } from '../../src/base/address.ts'
import { importComments } from '../../src/cli/commands/import.ts'
import { cliWords } from '../../src/cli/words.ts'
import { type Loaded, load } from '../../src/config/load.ts'
import { ConfigError } from '../../src/config/problem.ts'
import type { Imported } from '../../src/import/coturn/coturn.ts'
import type { ImportSurroundings } from '../../src/import/draft.ts'
import { importFile } from '../../src/import/import-file.ts'
import { writeDraft } from '../../src/import/write.ts'

const FIXTURES = join(import.meta.dirname, '..', 'fixtures', 'import')

/** A machine behind 1:1 NAT, with a public IPv6 address. */
export const AROUND: ImportSurroundings = {
  folder: '/etc',
  own: ['10.0.0.5', '2001:470:1f0a::7'].map(text => parseIp(text)!),
}

/** The configuration of another server, in a folder where its certificate is. */
export function fixture(name: string): string {
  return readFileSync(join(FIXTURES, name), 'utf8')
}

export function importText(text: string, name = 'turnserver.conf', folder = '/etc'): Imported {
  const around = { ...AROUND, folder }
  return importFile({ text, name }, around)
}

/** Writes what was made of it, and reads it as the relay does: the settings, or what is wrong with them. */
export function written({ draft }: Imported, folder: string): Loaded | ConfigError {
  const file = join(folder, 'turnserver.json')
  writeFileSync(file, writeDraft(draft, { comments: importComments(cliWords('en')), schema: undefined }), {
    mode: 0o600,
  })
  try {
    return load({ path: file, cwd: folder, env: { TACITURN_STATE: folder }, mayWrite: false })
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
}

/** Copies a fixture into a folder, where a command can be told of it. */
export function placeFixture(name: string, folder: string): string {
  const file = join(folder, name)
  cpSync(join(FIXTURES, name), file)
  return file
}
