import { join } from 'node:path'
import { succeeded } from '../base/result.ts'
import { LONGEST_SOCKET_PATH } from '../base/socket-path.ts'
import { notAccepted, type Parsed } from './fault.ts'
import { type Env, expandPath } from './find.ts'
import type { ConfigReport } from './messages/report.ts'
import { type Place, readKeyOrFile, readSecretOrFile } from './place.ts'
import type { Written } from './schema/schema.ts'
import { consoleKeys } from './schema/serving.ts'
import type { Console, ConsoleToken, Oidc, Settings } from './settings.ts'
import { formatHttpAddress } from './values/host-port.ts'
import { formatListener, isLoopback, type Listener, overlap } from './values/listener.ts'

/** Where the control socket is: systemd's folder for such things, else the state folder. */
export function readControl(
  written: Written['control'],
  place: Place,
  report: ConfigReport,
): Settings['control'] {
  if (written === false) return false
  if (written === 'auto') return { path: defaultSocket(place.state, place.env), lenient: true }
  const found = expandPath(written, place.folder, place.env)
  const path = found.ok ? shortPath(found.value) : found
  if (!path.ok) report.fault(['control'], path.error)
  return { path: path.ok ? path.value : '', lenient: false }
}

function shortPath(path: string): Parsed<string> {
  const length = Buffer.byteLength(path)
  if (length <= LONGEST_SOCKET_PATH) return succeeded(path)
  return notAccepted('control-path-long', { length, max: LONGEST_SOCKET_PATH })
}

/** The control socket of a relay that was not told where to have it. */
export function defaultSocket(state: string, env: Env): string {
  // systemd gives a list when a unit has several runtime directories.
  const runtime = env.RUNTIME_DIRECTORY?.split(':')[0]
  return join(runtime || state, 'control.sock')
}

export function readConsole(
  written: Written['console'],
  place: Place,
  report: ConfigReport,
): false | Console {
  if (written === false) return false
  const keys = written ?? consoleKeys.parse({})
  const { oidc, ...others } = keys
  return {
    ...others,
    ...(oidc && { oidc: readOidc(oidc, place, report) }),
    lenient: written === undefined,
    tokens: readTokens(keys.tokens, place, report),
  }
}

type WrittenOidc = NonNullable<Exclude<NonNullable<Written['console']>, false>['oidc']>

function readOidc(written: WrittenOidc, place: Place, report: ConfigReport): Oidc {
  const { clientSecret, clientSecretFile, ...rest } = written
  const at = ['console', 'oidc']
  if (clientSecret !== undefined && clientSecretFile !== undefined) report.error(at, 'oidc-one-of')
  const { scope } = written
  if (scope !== undefined && !scope.split(/ +/).includes('openid'))
    report.error([...at, 'scope'], 'oidc-scope')
  if (clientSecret === undefined && clientSecretFile === undefined) return rest
  // Chosen by the provider, so its form is not judged.
  const value = readKeyOrFile({ value: clientSecret, file: clientSecretFile }, place)
  if (value.ok) return { ...rest, clientSecret: value.value }
  report.fault([...at, 'clientSecretFile'], value.error)
  return rest
}

type WrittenTokens = Exclude<NonNullable<Written['console']>, false>['tokens']

function readTokens(written: WrittenTokens, place: Place, report: ConfigReport): ConsoleToken[] {
  const tokens: ConsoleToken[] = []
  for (const [i, { name, rights, token, tokenFile }] of written.entries()) {
    const at = ['console', 'tokens', i]
    if ((token === undefined) === (tokenFile === undefined)) {
      report.error(at, 'token-one-of')
      continue
    }
    const value = readSecretOrFile({ value: token, file: tokenFile }, place)
    const key = token === undefined ? 'tokenFile' : 'token'
    if (tokens.some(other => other.name === name))
      report.error([...at, 'name'], 'token-twice', { given: name })
    if (!value.ok) report.fault([...at, key], value.error)
    else if (tokens.some(other => other.token === value.value)) report.error([...at, key], 'token-shared')
    else tokens.push({ name, rights, token: value.value })
  }
  return tokens
}

/** Checks where the console listens: nobody but this machine may reach one that has no tokens. */
export function checkConsole({ console, listen, metrics, issue }: Settings, report: ConfigReport): void {
  if (!console || console.lenient) return
  const page: Listener = { transport: 'tcp', address: console.listen }
  const taken = listen.find(listener => overlap(listener, page))
  if (taken) report.error(['console'], 'console-overlap', { other: formatListener(taken) })
  for (const other of [metrics ? metrics.listen : undefined, issue?.listen]) {
    if (!other || !overlap({ transport: 'tcp', address: other }, page)) continue
    report.error(['console'], 'console-overlap', { other: formatHttpAddress(other) })
  }
  if (isLoopback(console.listen)) return
  const given = formatHttpAddress(console.listen)
  if (console.tokens.length === 0 && !console.oidc) report.error(['console'], 'console-open', { given })
  else report.warn(['console'], 'console-plain', { given })
}
