import { accessSync, constants, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseIp } from '../../base/address.ts'
import { failed, type Result, succeeded } from '../../base/result.ts'
import { findConfig } from '../../config/find.ts'
import type { Loaded } from '../../config/load.ts'
import { ConfigError, plain } from '../../config/problem.ts'
import { type Examination, examine } from '../../doctor/examine.ts'
import type { Login, Subject } from '../../doctor/facts.ts'
import { type Mark, type ReportLabels, reportText, show } from '../../doctor/report.ts'
import { readTurnUri } from '../../homeserver/turn-uri.ts'
import { safeJson } from '../../log/printable.ts'
import { absolute, type CliContext, loadFor } from '../context.ts'
import { fileFault } from '../file-fault.ts'
import { CommandError, Exit, type Io, painter, type TextStyle } from '../io.ts'
import { Ticker } from '../ticker.ts'
import type { CliWords } from '../words.ts'

export interface DoctorOptions {
  readonly config?: string | undefined
  readonly homeserver?: string | undefined
  readonly user?: string | undefined
  readonly 'token-file'?: string | undefined
  readonly 'password-file'?: string | undefined
  readonly 'turn-uri'?: string | readonly string[] | undefined
  readonly 'secret-file'?: string | undefined
  readonly resolve?: string | readonly string[] | undefined
  readonly stun?: string | undefined
  readonly livekit?: string | undefined
  readonly 'from-outside': boolean
  readonly json: boolean
}

/** Tests a whole installation, from the homeserver to a relayed packet, and says what is wrong with it. */
export async function doctor(options: DoctorOptions, context: CliContext): Promise<number> {
  const { io, language, words } = context
  const config = await configOf(options, context)
  if (!config.ok) return config.error
  const subject = await subjectOf(options, config.value, words, io)
  const ticker = new Ticker(io.stderr, io.env)
  let examination: Examination
  try {
    examination = await examine(subject, ({ done, total, group, place }) =>
      ticker.show(`${done}/${total}  ${place ?? words.say(`doctor.progress.${group}`)}`),
    )
  } finally {
    ticker.clear()
  }
  const code = CODES[examination.outcome]
  if (options.json) {
    const findings = examination.findings.map(finding => show(finding, language))
    io.stdout.write(`${safeJson({ version: 1, exitCode: code, findings }, 2)}\n`)
  } else {
    const paint = painter(io.stdout, io.env)
    const mark: Mark = (part, text) => (STYLES[part] ? paint(STYLES[part], text) : text)
    io.stdout.write(reportText(examination.findings, reportLabels(words), language, mark))
  }
  return code
}

/** The headings of a report. */
export function reportLabels({ say, count, format }: CliWords): ReportLabels {
  return {
    effect: say('doctor.effect'),
    summary: (errors, warnings, passed, gaps) => {
      if (errors + warnings === 0) return count(gaps === 0 ? 'doctor.allWell' : 'doctor.noErrors', passed)
      const summary = say('doctor.summary', {
        errors: count('doctor.errors', errors),
        warnings: count('doctor.warnings', warnings),
        passed: format.integer(passed),
      })
      return gaps === 0 ? summary : `${summary}\n${say('doctor.gaps')}`
    },
    places: (some, all) => say('doctor.places', { some: format.integer(some), all: format.integer(all) }),
  }
}

const CODES = {
  ok: Exit.ok,
  failed: Exit.failed,
  unreachable: Exit.unreachable,
  refused: Exit.refused,
} as const

const STYLES: Readonly<Record<Parameters<Mark>[0], TextStyle | undefined>> = {
  error: 'red',
  warn: 'yellow',
  info: 'cyan',
  ok: 'green',
  fix: 'bold',
  place: 'dim',
}

/**
 * The relay's configuration: the one that is named, or one that lies where the
 * relay would find it. The error is the exit code, once the problems are written.
 */
async function configOf(
  options: DoctorOptions,
  context: CliContext,
): Promise<Result<Loaded | undefined, number>> {
  const { env } = context.io
  const isGiven = options.config !== undefined || env.TACITURN_CONFIG !== undefined
  if (!isGiven) {
    if (options['turn-uri'] !== undefined || options['from-outside']) return succeeded(undefined)
    // Built-in defaults are only looked at where nothing else was asked for.
    if (options.homeserver !== undefined && !hasReadableConfig(context.io)) return succeeded(undefined)
  }
  try {
    return succeeded(await loadFor(options, context, { mayWrite: false, warn: false }))
  } catch (error) {
    if (!options.json || !(error instanceof ConfigError)) throw error
    const problems = error.problems.map(problem => plain(problem, context.language))
    const findings = problems.map(({ what, fix, file, line, path }) => ({
      id: 'config-invalid',
      check: 'configuration',
      group: 'machine',
      severity: 'error',
      title: path === '' ? what : `${path}: ${what}`,
      problem: what,
      fix: fix,
      at: file === undefined ? [] : [line === undefined ? file : `${file}:${line}`],
    }))
    context.io.stdout.write(`${safeJson({ version: 1, exitCode: Exit.config, findings }, 2)}\n`)
    return failed(Exit.config)
  }
}

async function subjectOf(
  options: DoctorOptions,
  config: Loaded | undefined,
  words: CliWords,
  io: Io,
): Promise<Subject> {
  const uris = list(options['turn-uri'])
  for (const uri of uris) {
    const read = readTurnUri(uri)
    if (!read.ok) throw new CommandError(words.say('doctor.badUri', { uri, fault: read.error }), Exit.usage)
  }
  const homeserver = options.homeserver === undefined ? undefined : homeserverUrl(options.homeserver, words)
  if (homeserver && uris.length > 0) throw new CommandError(words.say('doctor.oneOf'), Exit.usage)
  const secret = homeserver || uris.length > 0 ? secretOf(options, words, io) : undefined
  const login = homeserver && (await loginOf(options, words, io))
  const user = uris.length > 0 && !secret ? await turnUser(options, words, io) : undefined
  const livekit = options.livekit
  return {
    ...(config && { config }),
    ...(homeserver && { homeserver: { url: homeserver, ...(login && { login }) } }),
    ...(uris.length > 0 && { uris }),
    ...(secret && { secret }),
    ...(user && { user }),
    fromOutside: options['from-outside'],
    resolve: resolveOf(list(options.resolve), words),
    ...(options.stun !== undefined && { stun: stunOf(options.stun, words) }),
    ...(livekit !== undefined && { livekit: { file: livekit, text: read(livekit, words, io) } }),
  }
}

/** A URL, or the name of a homeserver. No token is sent over plain HTTP to another machine. */
function homeserverUrl(given: string, words: CliWords): URL {
  const text = given.includes('://') ? given : `https://${given}`
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (
    !url ||
    (url.protocol !== 'https:' && url.protocol !== 'http:') ||
    url.username !== '' ||
    url.password !== ''
  ) {
    throw new CommandError(words.say('doctor.badHomeserver', { given }), Exit.usage)
  }
  const isHere = /^(localhost|127\.[0-9.]+|\[::1\])$/.test(url.hostname)
  if (url.protocol === 'http:' && !isHere)
    throw new CommandError(words.say('doctor.plainHomeserver', { given }), Exit.usage)
  return url
}

async function loginOf(options: DoctorOptions, words: CliWords, io: Io): Promise<Login | undefined> {
  const file = options['token-file']
  const token = file !== undefined ? read(file, words, io).trim() : io.env.TACITURN_DOCTOR_TOKEN
  if (token) return { token }
  if (options.user !== undefined) {
    const password = await passwordOf(options, words, io)
    if (password === undefined) throw new CommandError(words.say('doctor.noPassword'), Exit.usage)
    return { user: options.user, password }
  }
  const asked = (await io.askSecret?.(words.say('doctor.askToken')))?.trim()
  return asked ? { token: asked } : undefined
}

async function turnUser(
  options: DoctorOptions,
  words: CliWords,
  io: Io,
): Promise<{ username: string; password: string } | undefined> {
  if (options.user === undefined) return undefined
  const password = await passwordOf(options, words, io)
  if (password === undefined) throw new CommandError(words.say('doctor.noPassword'), Exit.usage)
  return { username: options.user, password }
}

async function passwordOf(options: DoctorOptions, words: CliWords, io: Io): Promise<string | undefined> {
  const file = options['password-file']
  if (file !== undefined) return read(file, words, io).trim()
  return (
    io.env.TACITURN_DOCTOR_PASSWORD ??
    (await io.askSecret?.(words.say('doctor.askPassword', { user: options.user ?? '' })))
  )
}

function secretOf(options: DoctorOptions, words: CliWords, io: Io): Subject['secret'] {
  const file = options['secret-file']
  const raw = file !== undefined ? read(file, words, io) : io.env.TACITURN_DOCTOR_SECRET
  if (raw === undefined) return undefined
  const value = raw.trim()
  if (value === '') throw new CommandError(words.say('doctor.emptySecret'), Exit.usage)
  return { value, raw }
}

/** Reads `--resolve HOST=IP`. */
function resolveOf(given: readonly string[], words: CliWords): Subject['resolve'] {
  const addresses = new Map<string, Uint8Array[]>()
  for (const one of given) {
    const [host = '', text = ''] = one.split('=')
    const ip = parseIp(text.replace(/^\[(.*)\]$/, '$1'))
    if (host === '' || !ip) throw new CommandError(words.say('doctor.badResolve', { given: one }), Exit.usage)
    addresses.set(host.toLowerCase(), [...(addresses.get(host.toLowerCase()) ?? []), ip])
  }
  return addresses
}

function stunOf(given: string, words: CliWords): { host: string; port: number } {
  const uri = readTurnUri(`turn:${given.replace(/^stun:/, '')}`)
  if (!uri.ok) throw new CommandError(words.say('doctor.badStun', { given }), Exit.usage)
  return { host: uri.value.host, port: uri.value.port }
}

function read(file: string, words: CliWords, io: Io): string {
  try {
    return readFileSync(absolute(file, io), 'utf8')
  } catch (error) {
    throw fileFault('read', file, error, words, Exit.usage)
  }
}

function hasReadableConfig({ env, cwd }: CliContext['io']): boolean {
  try {
    const found = findConfig(undefined, env, cwd)
    if (found === null) return false
    accessSync(resolve(cwd, found), constants.R_OK)
    return true
  } catch {
    return false
  }
}

function list(given: string | readonly string[] | undefined): readonly string[] {
  return given === undefined ? [] : typeof given === 'string' ? [given] : given
}
