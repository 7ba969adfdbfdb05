import { spawnSync } from 'node:child_process'
import { accessSync, constants, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename, dirname } from 'node:path'
import { parseIp } from '../../base/address.ts'
import { fill } from '../../config/messages/messages.ts'
import { parseDuration } from '../../config/values/duration.ts'
import { runBench } from '../../load/bench.ts'
import { LoadError, type LoadFault } from '../../load/fault.ts'
import { LONGEST_PAYLOAD, PAYLOAD_HEADER } from '../../load/payload.ts'
import type { Profile } from '../../load/profile.ts'
import type { ClientTransport, Credentials, Direction } from '../../load/protocol.ts'
import { html } from '../../load/report/html.ts'
import { type BenchReport, readReport, type Scenario, type ServerReport } from '../../load/report/report.ts'
import { table } from '../../load/report/table.ts'
import { type Contestant, coturn, ownRelay, type RemoteOptions, remote } from '../../load/servers.ts'
import { safeJson } from '../../log/printable.ts'
import { faultText, stepText } from '../bench/bench-words.ts'
import { absolute, type CliContext } from '../context.ts'
import { fileFault } from '../file-fault.ts'
import { CommandError, Exit, type Io, painter } from '../io.ts'
import { ProgressLine } from '../progress.ts'
import type { CliWords } from '../words.ts'

export interface BenchArguments {
  readonly profile: Profile
  readonly transport?: ClientTransport | undefined
  readonly channels?: boolean | undefined
  readonly indications?: boolean | undefined
  readonly direction: Direction
  readonly allocations?: number | undefined
  readonly rate?: number | undefined
  readonly search?: boolean | undefined
  readonly duration: string
  readonly rounds?: number | undefined
  readonly size?: number | undefined
  readonly burst: number
  readonly open?: number | undefined
  readonly server?: string | undefined
  readonly user?: string | undefined
  readonly 'password-file'?: string | undefined
  readonly 'secret-file'?: string | undefined
  readonly insecure: boolean
  readonly pid?: number | undefined
  readonly 'peer-address'?: string | undefined
  readonly against?: string | undefined
  readonly workers?: number | undefined
  readonly udp: 'auto' | 'native' | 'dgram'
  readonly generators?: number | undefined
  readonly offload: boolean
  readonly json: boolean
  readonly html?: string | undefined
  readonly compare?: readonly string[] | undefined
}

const DEFAULT_ALLOCATIONS = 20
const DEFAULT_OPEN = 1000
/** Seconds that starting, opening and searching take, about; for the progress bar. */
const EXPECTED = { start: 5, search: 32, around: 1.5 }
/** What a shell reports of a program that was interrupted. */
const INTERRUPTED = 130

/** Loads a relay, or two in turns, and prints what each carried. */
export async function bench(options: BenchArguments, context: CliContext, version: string): Promise<number> {
  const { io, language, words } = context
  const where = options.server === undefined ? undefined : readServer(options, words)
  const scenario = readScenario(options, where?.transport ?? options.transport ?? 'udp', context)
  const earlier = (options.compare ?? []).flatMap(file => readEarlier(file, io, words))
  const peerIp = options['peer-address']
  if (peerIp !== undefined && !parseIp(peerIp))
    throw new CommandError(words.say('bench.badAddress', { given: peerIp }), Exit.usage)
  const contestants = where
    ? [remote({ ...where, credentials: readCredentials(options, io, words) })]
    : startable(options, scenario, version, words)
  // Better to hear of it now than when everything has been measured.
  if (options.html !== undefined) checkWritable(options.html, io, words)
  const rounds = whole('rounds', options.rounds ?? (options.against === undefined ? 1 : 3), 1, 99, words)

  const report = await whileInterruptible(words, signal => {
    const perRound = expectedSeconds(scenario)
    const progress = new ProgressLine(io, perRound * rounds * contestants.length)
    const plays = rounds * contestants.length
    return runBench({
      program: version,
      scenario,
      contestants,
      rounds,
      // The transports of relay and generator are not the same thing, but who insists on dgram means both.
      udp: options.udp === 'dgram' ? 'dgram' : 'auto',
      peerIp,
      signal,
      tell: (server, round, step) => {
        const turn = round * contestants.length + contestants.findIndex(({ name }) => name === server)
        const which = rounds === 1 ? server : words.say('bench.round', { server, round: round + 1, rounds })
        progress.tell(`${which}: ${stepText(step, words)}`, turn / plays)
      },
    }).finally(() => progress.stop())
  })

  const servers = [...report.servers, ...earlier]
  if (options.json) io.stdout.write(`${safeJson(report, 2)}\n`)
  else io.stdout.write(table(report, servers, language, painter(io.stdout, io.env)))
  if (options.html !== undefined) writeHtml(options.html, html(report, servers, language), io, words)
  return report.warnings.some(warning => warning.kind === 'errors') ? Exit.failed : Exit.ok
}

function readScenario(options: BenchArguments, transport: ClientTransport, context: CliContext): Scenario {
  const { words } = context
  const { profile, direction, rate, offload } = options
  const isOurs = options.server === undefined
  // No search if a load is given, or if the relay may have other users.
  const isOpenEnded = isOurs && profile !== 'flood' && rate === undefined && options.allocations === undefined
  const duration = parseDuration(options.duration, { min: 1, max: 86_400 })
  if (!duration.ok) {
    const why = fill(duration.error.key, duration.error.values, context.language).join('; ')
    throw new CommandError(`--duration: ${why}`, Exit.usage)
  }
  const seconds = duration.value
  const burst = whole('burst', options.burst, 1, 64, words)
  const allocations = whole('allocations', options.allocations ?? DEFAULT_ALLOCATIONS, 1, 100_000, words)
  const cores = availableParallelism()
  const generators = whole(
    'generators',
    options.generators ?? Math.max(1, Math.min(4, Math.floor(cores / 2), allocations)),
    1,
    64,
    words,
  )
  return {
    profile,
    transport,
    method: options.indications ? 'indications' : 'channels',
    direction,
    allocations,
    rate: rate === undefined ? null : whole('rate', rate, 1, 100_000_000, words),
    search: options.search ?? isOpenEnded,
    seconds,
    octets: whole('size', options.size ?? (burst > 1 ? 1100 : 172), PAYLOAD_HEADER, LONGEST_PAYLOAD, words),
    burst,
    open: whole('open', options.open ?? (isOurs ? DEFAULT_OPEN : 0), 0, 100_000, words),
    workers: options.workers === undefined ? 'auto' : whole('workers', options.workers, 1, 1024, words),
    generators,
    offload,
  }
}

function startable(
  { against, udp }: BenchArguments,
  { transport, workers }: Scenario,
  version: string,
  words: CliWords,
): Contestant[] {
  const own = ownRelay({ version, transport, udp, workers })
  if (against === undefined) return [own]
  const asked = spawnSync('turnserver', ['--version'], { encoding: 'utf8' })
  if (asked.error)
    throw new CommandError(faultText({ kind: 'missing', program: 'turnserver' }, words), Exit.failed)
  const found = /\d+\.\d+\.\d+\S*/.exec(asked.stdout + asked.stderr)?.[0] ?? ''
  return [own, coturn({ version: found, transport, workers })]
}

/** Reads a TURN URI (RFC 7065). */
function readServer(options: BenchArguments, words: CliWords): Omit<RemoteOptions, 'credentials'> {
  const given = options.server!
  const match = /^(turns?):(\[[0-9a-fA-F:.]+\]|[^:?/@\s]+)(?::(\d{1,5}))?(?:\?transport=(udp|tcp))?$/i.exec(
    given,
  )
  if (!match) throw new CommandError(words.say('bench.badServer', { given }), Exit.usage)
  const [, scheme, host, port, named] = match
  const isTls = scheme!.toLowerCase() === 'turns'
  if (isTls && named?.toLowerCase() === 'udp')
    throw new CommandError(words.say('bench.badServer', { given }), Exit.usage)
  const transport = isTls
    ? 'tls'
    : ((named?.toLowerCase() as 'udp' | 'tcp' | undefined) ?? options.transport ?? 'udp')
  if (options.transport !== undefined && options.transport !== transport) {
    throw new CommandError(words.say('bench.transportTwice'), Exit.usage)
  }
  const number = port === undefined ? (transport === 'tls' ? 5349 : 3478) : Number(port)
  if (number < 1 || number > 65_535)
    throw new CommandError(words.say('bench.badServer', { given }), Exit.usage)
  const pid = options.pid === undefined ? undefined : whole('pid', options.pid, 1, 2 ** 22, words)
  return { host: host!.replace(/^\[(.*)\]$/, '$1'), port: number, transport, insecure: options.insecure, pid }
}

function readCredentials(options: BenchArguments, io: Io, words: CliWords): Credentials {
  const { user } = options
  const passwordFile = options['password-file']
  const secretFile = options['secret-file']
  if (user !== undefined) {
    const password =
      passwordFile === undefined ? io.env.TACITURN_BENCH_PASSWORD : readSecret(passwordFile, io, words)
    if (!password) throw new CommandError(words.say('bench.noCredentials'), Exit.usage)
    return { kind: 'user', username: user, password }
  }
  const secret = secretFile === undefined ? io.env.TACITURN_BENCH_SECRET : readSecret(secretFile, io, words)
  if (!secret) throw new CommandError(words.say('bench.noCredentials'), Exit.usage)
  return { kind: 'secret', secret }
}

function readSecret(file: string, io: Io, words: CliWords): string {
  return readText(file, io, words).replace(/\r?\n$/, '')
}

/** The servers of an earlier report, under names that tell them from those of this one. */
function readEarlier(file: string, io: Io, words: CliWords): ServerReport[] {
  const report: BenchReport | undefined = readReport(readText(file, io, words))
  if (!report) throw new CommandError(words.say('bench.notReport', { file }), Exit.usage)
  return report.servers.map(server => ({ ...server, name: `${server.name} (${basename(file, '.json')})` }))
}

function readText(file: string, io: Io, words: CliWords): string {
  try {
    return readFileSync(absolute(file, io), 'utf8')
  } catch (error) {
    throw fileFault('read', file, error, words)
  }
}

function checkWritable(file: string, io: Io, words: CliWords): void {
  try {
    accessSync(dirname(absolute(file, io)), constants.W_OK)
  } catch (error) {
    throw fileFault('write', file, error, words)
  }
}

function writeHtml(file: string, page: string, io: Io, words: CliWords): void {
  try {
    writeFileSync(absolute(file, io), page)
    io.stderr.write(`${words.say('bench.written', { file })}\n`)
  } catch (error) {
    throw fileFault('write', file, error, words)
  }
}

/** Runs `work` so that an interruption ends what it has started; explains its faults. */
async function whileInterruptible<T>(words: CliWords, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController()
  const stop = () => abort.abort()
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  try {
    return await work(abort.signal)
  } catch (error) {
    // The terminal interrupts the relay as well, and that it ended is then no news.
    const fault: LoadFault | undefined = abort.signal.aborted
      ? { kind: 'interrupted' }
      : error instanceof LoadError
        ? error.fault
        : undefined
    if (!fault) throw error
    throw new CommandError(faultText(fault, words), exitOf(fault))
  } finally {
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
  }
}

function exitOf({ kind }: LoadFault): number {
  switch (kind) {
    case 'refused':
      return Exit.refused
    case 'silent':
    case 'connection':
    case 'name':
    case 'nothing-relayed':
      return Exit.unreachable
    case 'interrupted':
      return INTERRUPTED
    default:
      return Exit.failed
  }
}

function expectedSeconds({ search, seconds }: Scenario): number {
  const runs = search ? 2 : 1
  return EXPECTED.start + runs * (seconds + EXPECTED.around) + (search ? EXPECTED.search : 0)
}

function whole(option: string, given: number, least: number, most: number, words: CliWords): number {
  if (Number.isInteger(given) && given >= least && given <= most) return given
  throw new CommandError(words.say('bench.badNumber', { option, least, most }), Exit.usage)
}
