import type { Loaded } from '../../config/load.ts'
import { ConfigError, plain } from '../../config/problem.ts'
import { type CliContext, type ConfigOption, loadFor } from '../context.ts'
import { Exit, painter } from '../io.ts'

export interface ValidateOptions extends ConfigOption {
  readonly effective: boolean
  readonly json: boolean
}

/** Checks the configuration without starting anything. An invalid one is thrown on, or printed where JSON is asked for. */
export async function validate(options: ValidateOptions, context: CliContext): Promise<number> {
  const { io, words } = context
  try {
    const loaded = await loadFor(options, context, { mayWrite: false, warn: !options.json })
    const inForce = options.effective ? await effectiveOf(loaded) : {}
    if (options.json) {
      const { source: file, warnings } = loaded
      io.stdout.write(`${json({ valid: true, file, errors: [], warnings, ...inForce })}\n`)
      return Exit.ok
    }
    if (options.effective) io.stdout.write(`${json(inForce)}\n`)
    const verdict =
      loaded.source === null
        ? words.say('validDefaults')
        : words.say('valid', { file: options.config ?? loaded.source })
    // The verdict is what was asked for, unless the settings were.
    const output = options.effective ? io.stderr : io.stdout
    output.write(`${painter(output, io.env)('green', verdict)}\n`)
    return Exit.ok
  } catch (error) {
    if (!options.json || !(error instanceof ConfigError)) throw error
    const errors = error.problems.map(problem => plain(problem, context.language))
    io.stdout.write(`${json({ valid: false, file: errors[0]?.file ?? null, errors, warnings: [] })}\n`)
    return Exit.config
  }
}

async function effectiveOf({ settings }: Loaded): Promise<Record<string, unknown>> {
  const { effective } = await import('../../config/effective.ts')
  const { peerTable } = await import('../../relay/peer-table.ts')
  return { settings: effective(settings), peerPolicy: peerTable(settings.peers) }
}

function json(value: unknown): string {
  return JSON.stringify(value, undefined, 2)
}
