import { hostname } from 'node:os'
import { dirname, isAbsolute, resolve } from 'node:path'
import { address, parseIp } from '../base/address.ts'
import type { Language } from '../texts/language.ts'
import { checkTogether } from './check.ts'
import { readConsole, readControl } from './control.ts'
import { readLedgerCosts } from './costs.ts'
import { misspelt, overlaid, readEnvironment, type SetByEnvironment } from './environment.ts'
import { closing, type Env, findConfig, findState, isWorldReadable, readNamed } from './find.ts'
import { recognise } from './foreign.ts'
import { readHomeservers, readUsers } from './issuers.ts'
import { readBackups } from './ledger/backups.ts'
import { explainIssue } from './messages/explain.ts'
import { ConfigReport } from './messages/report.ts'
import { readNotify } from './notifying.ts'
import type { Place } from './place.ts'
import { ConfigError, formatPath, inOneLine } from './problem.ts'
import { isSecret } from './schema/description.ts'
import { schema, type Written } from './schema/schema.ts'
import { keptSecret, keptSecretFile } from './secrets.ts'
import type { Homeserver, Settings, TlsFiles } from './settings.ts'
import { SourceText } from './source.ts'
import { readCertificateFiles } from './tls.ts'
import type { Listener } from './values/listener.ts'
import { parseRealm } from './values/text.ts'

export interface LoadOptions {
  /** The file to read; without it, see `findConfig`. */
  readonly path?: string
  /** What a file would hold, instead of one. */
  readonly value?: object
  readonly env?: Env
  /** Folder that a file is looked for in. */
  readonly cwd?: string
  /** Language of `warnings`. */
  readonly language?: Language
  /** False: makes no secret where there is none yet, so the embedded homeserver may have none. */
  readonly mayWrite?: boolean
  /** Called between steps that take a millisecond or so, for whom nobody may keep waiting. */
  readonly between?: () => void
}

/** Settings, and where they come from. */
export interface Loaded {
  readonly settings: Settings
  /** Absolute path of the configuration file, or null for the embedded defaults. */
  readonly source: string | null
  /** Files that the settings depend on: configuration, secrets, certificate and key. */
  readonly files: readonly string[]
  /** The variables of the environment that set keys. */
  readonly environment: readonly { readonly variable: string; readonly key: string }[]
  /** One line each. */
  readonly warnings: readonly string[]
  /** What nobody asked for: a realm made of the machine's name, listeners on every address, a secret of our own. */
  readonly defaults: { readonly realm: boolean; readonly listen: boolean; readonly secret: boolean }
}

/**
 * Reads the configuration and every file that it names. Throws `ConfigError`
 * with all that is wrong; nothing is bound before this has returned.
 */
export function load(options: LoadOptions = {}): Loaded {
  const env = options.env ?? process.env
  const cwd = options.cwd ?? process.cwd()
  const file = options.value ? null : findConfig(options.path, env, cwd)
  const source = file === null ? null : resolve(cwd, file)
  const folder = source ? dirname(source) : cwd
  const between = options.between ?? (() => {})
  const set = options.value ? [] : readEnvironment(env)
  const { report, written, broken } = options.value
    ? readValue(options.value)
    : source
      ? readSource(source, file!, set, between)
      : readNothing(set)
  for (const guess of misspelt(options.value ? {} : env)) report.warn([], 'env-guess', guess)
  between()
  const state = findState(written.state, folder, env)
  if (!state.ok) report.fault(['state'], state.error)
  else if (isRelative(written.state) && !env.TACITURN_STATE)
    report.warn(['state'], 'state-relative', { folder: state.value })
  const place: Place = {
    folder,
    env,
    files: new Set(source ? [source] : []),
    state: state.ok ? state.value : '',
    mayWrite: options.mayWrite ?? true,
  }

  const realm = written.realm ?? machineRealm()
  const tls =
    written.tls && !broken.has('tls') ? readCertificateFiles(written.tls, realm, place, report) : undefined
  const ownsSecret = source === null && !options.value && !set.some(({ path }) => path[0] === 'homeservers')
  const homeservers =
    !ownsSecret || !state.ok
      ? readHomeservers(written.homeservers, place, report)
      : ownHomeserver(state.value, place, report)
  between()
  const { $schema: _, notify: __, tls: ___, ...keys } = written
  const notify = readNotify(written.notify, place, report)
  const { ledger } = written
  const costs =
    ledger && ledger.costs !== undefined ? readLedgerCosts(ledger.costs, place, report) : undefined
  const backups =
    ledger && ledger.backups !== undefined ? readBackups(ledger.backups, place, report) : undefined
  const settings: Settings = {
    ...keys,
    realm,
    listen: written.listen ?? everywhere(tls),
    ...(tls && { tls }),
    homeservers,
    users: readUsers(written.users, report),
    control: readControl(written.control, place, report),
    console: readConsole(written.console, place, report),
    ...(notify && { notify }),
    ...(ledger && {
      ledger: { ...ledger, ...(costs && { costs: costs.file }), ...(backups && { backups }) },
    }),
    ...(costs?.costs && { costs: costs.costs }),
    state: place.state,
  }
  between()
  checkTogether(settings, report, broken)
  between()
  if (source) checkFileMode(source, written, report)
  report.settle()
  return {
    settings,
    source,
    files: [...place.files],
    warnings: report.warnings.map(warning => inOneLine(warning, options.language ?? 'en')),
    defaults: { realm: !written.realm, listen: !written.listen, secret: ownsSecret },
    environment: set.map(({ variable, path }) => ({ variable, key: formatPath(path) })),
  }
}

interface Reading {
  readonly report: ConfigReport
  readonly written: Written
  /** Sections that were not understood; `written` has their defaults. */
  readonly broken: ReadonlySet<string>
}

function readNothing(set: readonly SetByEnvironment[]): Reading {
  const report = new ConfigReport(undefined, undefined, set)
  return { report, ...readSections(overlaid({}, set), report) }
}

function readValue(value: object): Reading {
  const report = new ConfigReport()
  return { report, ...readSections(value, report) }
}

function readSource(
  path: string,
  shownAs: string,
  set: readonly SetByEnvironment[],
  between: () => void,
): Reading {
  const text = readNamed(path)
  if (!text.ok) throw new ConfigError([{ fault: text.error, path: [] }])
  between()
  const source = new SourceText(text.value)
  between()
  const report = new ConfigReport(shownAs, source, set)
  const isJson = source.syntaxErrors.length === 0 && source.root !== undefined
  const foreign = isJson ? undefined : recognise(source.text, shownAs)
  if (foreign) report.foreign(foreign.fault, foreign.offset)
  else for (const { what, spot } of source.syntaxErrors) report.syntax(what, spot)
  report.settle()
  for (const { path, spot, firstLine } of source.duplicates()) report.duplicate(path, spot, firstLine)
  const value = overlaid(source.value(), set)
  between()
  return { report, ...readSections(value, report) }
}

/** Reads every section, so that a mistake in one does not hide those in the others. */
function readSections(value: unknown, report: ConfigReport): Omit<Reading, 'report'> {
  const result = schema.safeParse(value)
  if (result.success) return { written: result.data, broken: new Set() }
  const isObject = value !== null && typeof value === 'object' && !Array.isArray(value)
  if (!isObject) {
    report.error([], 'want-object', { found: Array.isArray(value) ? '[…]' : String(value) })
    return { written: schema.parse({}), broken: new Set(Object.keys(schema.shape)) }
  }
  const broken = new Set<string>()
  for (const { path, fault, at } of result.error.issues.flatMap(issue => explainIssue(issue, value))) {
    broken.add(String(path[0]))
    report.fault(path, fault, at)
  }
  const understood = Object.entries(value).filter(([key]) => !broken.has(key))
  return { written: schema.parse(Object.fromEntries(understood)), broken }
}

/** The homeserver of a relay without a configuration: its credentials are made with the secret in the state folder. */
function ownHomeserver(state: string, place: Place, report: ConfigReport): Homeserver[] {
  const secretFile = keptSecretFile(state)
  const secret = keptSecret(secretFile, place.mayWrite)
  if (!secret.ok) report.fault([], secret.error)
  place.files.add(secretFile)
  const value = secret.ok ? secret.value : undefined
  const secrets = value === undefined ? [] : [{ value, algorithm: 'sha1' as const }]
  return [{ name: 'default', secrets, secretFile, paused: false, backends: [], openid: [] }]
}

function isRelative(path: string): boolean {
  return path !== 'auto' && !path.startsWith('$') && !isAbsolute(path)
}

/** The machine's name, where a realm may look like that. */
function machineRealm(): string {
  const name = hostname()
  return parseRealm(name).ok ? name : 'taciturn'
}

function everywhere(tls: TlsFiles | undefined): Listener[] {
  const at = (transport: Listener['transport'], port: number): Listener[] =>
    ['0.0.0.0', '::'].map(ip => ({ transport, address: address(parseIp(ip)!, port) }))
  return [
    ...at('udp', 3478),
    ...at('tcp', 3478),
    ...(tls ? at('tls', 5349) : []),
    // Where the authority comes to, and where clients get through that reach no other port.
    ...(tls?.acme ? at('tls', 443) : []),
  ]
}

/** Everybody on the machine could make credentials from a file that holds secrets and is open to all. */
function checkFileMode(file: string, written: Written, report: ConfigReport): void {
  if (holdsSecret(written) && isWorldReadable(file))
    report.warn([], 'config-world', { command: closing(file) })
}

function holdsSecret(value: unknown, path: readonly string[] = []): boolean {
  if (Array.isArray(value)) return value.some(one => holdsSecret(one, path))
  if (value === null || typeof value !== 'object') return typeof value === 'string' && isSecret(path)
  return Object.entries(value).some(([key, inner]) => holdsSecret(inner, [...path, key]))
}
