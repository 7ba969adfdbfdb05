import { formatIp } from '../base/address.ts'
import { stackOf } from '../base/stack.ts'
import { type LoadOptions, load } from '../config/load.ts'
import { Log } from '../log/log.ts'
import { StartError } from '../relay/start-error.ts'
import { allowCollecting } from '../system/collecting.ts'
import { inheritedSockets } from '../system/inherited-sockets.ts'
import { widenInlining } from '../system/inlining.ts'
import { needlessPrivileges, readPrivileges } from '../system/privileges.ts'
import { forgetLostTerminal, isInTerminal } from '../system/terminal.ts'
import { sayRunning } from '../texts/running.ts'
import { otherInstance } from './already-running.ts'
import { banner, commandOf, linesToPaste } from './banner.ts'
import { Service } from './service.ts'
import { handleSignals } from './signals.ts'
import { StoredJournal } from './stored-journal.ts'
import { Systemd } from './systemd.ts'
import { findPredecessor } from './taking-over.ts'
import { findLeftCalls } from './taking-up.ts'

export interface ServeOptions {
  readonly version: string
  /** Which configuration to read; see `load`. */
  readonly load?: LoadOptions
  /** For what can be pasted elsewhere. */
  readonly stdout?: { write(text: string): unknown }
  /** For what is said to a person. Its log lines go to stderr itself unless `log` is given. */
  readonly stderr?: { write(text: string): unknown; readonly isTTY?: boolean }
  readonly log?: Log
  /** A file to record to; see `openRecording`. */
  readonly record?: string | undefined
  /** Takes over from the relay that runs with the same state folder, if one does. */
  readonly takeOver?: boolean
  /** The command line of node that starts a relay, without its configuration; with it, others may take over. */
  readonly program?: readonly string[]
}

/** Milliseconds that closing may take after a fault that nothing caught. */
const LAST_RESORT = 3000

/**
 * Runs a relay until it is stopped, by a signal or by its `shutdown`. Resolves
 * once everything is bound.
 *
 * Throws a `ConfigError` or a `StartError` when it cannot start; both are for
 * exit code 3, or 1 where the relay runs already, and nothing stays bound.
 */
export async function startService(options: ServeOptions): Promise<Service> {
  widenInlining()
  allowCollecting()
  const { version, stdout = process.stdout, stderr = process.stderr } = options
  const loaded = load(options.load)
  const { level, format } = loaded.settings.log
  const language = options.load?.language ?? 'en'
  const log = options.log ?? new Log({ level, format, language })
  for (const warning of loaded.warnings) log.warn(warning)

  const { env } = process
  const inherited = inheritedSockets(env)
  if (!inherited.ok) throw new StartError({ key: 'start.strangeSocket', values: { name: inherited.error } })
  const systemd = new Systemd({
    env,
    unreachable: why =>
      log.limited('systemd', 'warn', 'the service manager cannot be notified', () => ({ why })),
  })
  const privileges = readPrivileges()
  const needless = privileges && needlessPrivileges(privileges)
  if (needless !== undefined) log.warn(needless)

  const from = options.takeOver ? await findPredecessor(loaded.settings.state, version) : undefined
  const left = from ? undefined : findLeftCalls({ env, systemd, log })
  const { source } = loaded
  const program = options.program && [...options.program, ...(source === null ? [] : ['--config', source])]
  const again: LoadOptions = { ...options.load, ...(loaded.source !== null && { path: loaded.source }) }
  const service = new Service(loaded, {
    version,
    log,
    load: between => load({ ...again, between }),
    systemd,
    inherited: left ? left.others(inherited.value) : inherited.value,
    record: options.record,
    workersBefore: from?.welcome.workers ?? left?.workers,
    journal: StoredJournal.prepare({ systemd, version, log, deaths: left?.deaths }),
    ...(program && { program }),
  })
  const bound = from
    ? await service.takeOver(from)
    : await service.start(left).catch(async error => {
        throw (error instanceof StartError && (await otherInstance(loaded, env, process.cwd()))) || error
      })
  attend(service, log)
  log.info('ready', {
    version,
    realm: loaded.settings.realm,
    listening: bound.listening,
    relaying: bound.relays.map(relay => formatIp(relay.public)),
    udp: bound.udp,
    workers: bound.workers,
    settings: loaded.source ?? 'built in',
  })
  // The journal already has the line above, and secrets must not go there.
  const isJournal = process.env.JOURNAL_STREAM !== undefined && stderr.isTTY !== true
  if (!isJournal && (stderr.isTTY === true || loaded.source === null)) {
    const launch = { command: commandOf(env), isTerminal: isInTerminal(), language }
    stderr.write(`\n${banner(version, loaded, bound, launch)}\n`)
    const lines = linesToPaste(loaded, bound)
    if (lines !== undefined) {
      const { command } = launch
      stderr.write(`${sayRunning({ key: 'banner.synapse', values: { command } }, language)}\n\n`)
      stdout.write(lines)
      stderr.write('\n')
    }
  }
  return service
}

/** A closed stderr must not end calls. */
function ignore(): void {}

/** Listens for signals, and for faults that nobody caught, until the service has finished. */
function attend(service: Service, log: Log): void {
  const unlisten = handleSignals(service, { process, isTerminal: isInTerminal() })
  const fatal = (error: unknown) => {
    log.error('a fault of the program that nothing caught; please report it', {
      error: stackOf(error),
    })
    // Should the fault stand in the way of an orderly end as well.
    setTimeout(() => process.exit(1), LAST_RESORT).unref()
    service.fail()
  }
  const forget = forgetLostTerminal()
  process.stderr.on('error', ignore)
  process.on('uncaughtException', fatal)
  process.on('unhandledRejection', fatal)
  void service.finished.then(() => {
    forget()
    unlisten()
    process.stderr.off('error', ignore)
    process.off('uncaughtException', fatal)
    process.off('unhandledRejection', fatal)
  })
}
