import { z } from 'zod'
import { formatRange, parseRange } from '../base/range.ts'
import type { Log } from '../log/log.ts'
import type { Ban } from '../operate/bans.ts'
import { KeptFile } from '../system/kept-file.ts'
import { readOwn } from '../system/own-file.ts'

const shape = z.array(
  z.object({
    network: z.string(),
    since: z.number(),
    until: z.number(),
    by: z.string(),
    reason: z.string().exactOptional(),
  }),
)

/** The bans of `bans.json` in the state folder, which outlive the process. */
export class KeptBans {
  readonly #file: string
  readonly #log: Pick<Log, 'warn'>
  readonly #kept: KeptFile

  constructor(file: string, log: Pick<Log, 'warn'>) {
    this.#file = file
    this.#log = log
    this.#kept = new KeptFile(file, ({ code }) =>
      log.warn('bans cannot be kept; they hold until the relay ends', { file, code }),
    )
  }

  /** Those that are kept; none where there is no such file. What cannot be read is told and left out. */
  read(): Ban[] {
    let text: string
    try {
      const own = readOwn(this.#file)
      if (!own.ok) {
        this.#log.warn('bans are not read: the file belongs to another user', {
          file: this.#file,
          uid: own.error,
        })
        return []
      }
      text = own.value
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT') this.#log.warn('bans cannot be read', { file: this.#file, code })
      return []
    }
    try {
      return shape.parse(JSON.parse(text)).flatMap(({ network, ...rest }) => {
        const range = parseRange(network)
        return range.ok ? [{ ...rest, range: range.value }] : []
      })
    } catch {
      this.#log.warn('bans cannot be read: the file is damaged, so nobody is banned', { file: this.#file })
      return []
    }
  }

  /** Replaces the file as a whole, so that it is never half written; soon, and nobody waits for it. */
  keep(bans: readonly Ban[]): void {
    this.#kept.write(written(bans))
  }

  /** Resolves when everything is kept. */
  idle(): Promise<void> {
    return this.#kept.idle()
  }
}

function* written(bans: readonly Ban[]): Generator<string> {
  let before = '['
  for (const { range, ...rest } of bans) {
    yield `${before}\n${JSON.stringify({ network: formatRange(range), ...rest })}`
    before = ','
  }
  yield bans.length === 0 ? '[]\n' : '\n]\n'
}
