import type { Loaded } from '../../config/load.ts'
import { ConfigError, plain } from '../../config/problem.ts'
import { safeJson } from '../../log/printable.ts'
import { type CliContext, type ConfigOption, loadFor } from '../context.ts'
import { Exit, painter } from '../io.ts'

export interface ValidateOptions extends ConfigOption {
  readonly effective: boolean
  readonly json: boolean
}

/**
 * Checks the configuration without starting anything. An invalid one is thrown
 * on, or printed where JSON is asked for.
 */
export async function validate(options: ValidateOptions, context: CliContext): Promise<number> {
  const { io, words } = context
  try {
    const loaded = await loadFor(options, context, { mayWrite: false, warn: !options.json })
    const inForce = options.effective ? await effectiveOf(loaded, context) : {}
    const { machineFindings, lookAtMachine } = await import('../this-machine.ts')
    const found = machineFindings(loaded, lookAtMachine(loaded.settings.listen, words), words)
    const code = found.some(({ prevents }) => prevents) ? Exit.failed : Exit.ok
    if (options.json) {
      const { source: file, warnings } = loaded
      const machine = found.map(({ text }) => text)
      io.stdout.write(`${json({ valid: true, file, errors: [], warnings, machine, ...inForce })}\n`)
      return code
    }
    if (options.effective) io.stdout.write(`${json(inForce)}\n`)
    const verdict =
      loaded.source === null
        ? words.say(loaded.environment.length > 0 ? 'validEnvironment' : 'validDefaults')
        : words.say('valid', { file: options.config ?? loaded.source })
    // The verdict is what was asked for, unless the settings were.
    const output = options.effective ? io.stderr : io.stdout
    output.write(`${painter(output, io.env)('green', verdict)}\n`)
    for (const { text } of found) {
      io.stderr.write(`${painter(io.stderr, io.env)('yellow', words.say('machine.title'))} ${text}\n`)
    }
    return code
  } catch (error) {
    if (!options.json || !(error instanceof ConfigError)) throw error
    const errors = error.problems.map(problem => plain(problem, context.language))
    io.stdout.write(`${json({ valid: false, file: errors[0]?.file ?? null, errors, warnings: [] })}\n`)
    return Exit.config
  }
}

/** With what operators have changed while the relay ran, where this user may read that. */
async function effectiveOf(
  { settings, environment }: Loaded,
  { io, words }: CliContext,
): Promise<Record<string, unknown>> {
  const { effective } = await import('../../config/effective.ts')
  const { readChanges, withChanges } = await import('../../config/changes.ts')
  const { peerTable } = await import('../../relay/peer-table.ts')
  const read = readChanges(settings.state)
  const changes = read.ok ? read.value : []
  if (!read.ok) {
    const text = words.say('changesUnread', { folder: settings.state, why: read.error })
    io.stderr.write(`${painter(io.stderr, io.env)('yellow', `${words.say('warning')}:`)} ${text}\n`)
  }
  return {
    settings: effective(withChanges(settings, changes)),
    environment: Object.fromEntries(environment.map(({ variable, key }) => [variable, key])),
    changes,
    peerPolicy: peerTable(settings.peers),
  }
}

function json(value: unknown): string {
  return safeJson(value, 2)
}
