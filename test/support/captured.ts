import type { Io } from '../../src/cli/io.ts'
import { main } from '../../src/cli/program.ts'

/** What came of a command. */
export interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command in this process, in `cwd`, and keeps what it writes. */
export async function run(cwd: string, argv: readonly string[], io: Partial<Io> = {}): Promise<Outcome> {
  let stdout = ''
  let stderr = ''
  const code = await main(argv, {
    stdout: { write: text => (stdout += text) },
    stderr: { write: text => (stderr += text) },
    env: { TACITURN_STATE: `${cwd}/state` },
    cwd,
    ...io,
  })
  return { code, stdout, stderr }
}
