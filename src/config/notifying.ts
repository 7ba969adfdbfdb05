import { succeeded } from '../base/result.ts'
import { notAccepted, type Parsed } from './fault.ts'
import type { ConfigReport } from './messages/report.ts'
import { type Place, readKeyOrFile } from './place.ts'
import type { Written } from './schema/schema.ts'
import type { Notify, NotifyTarget } from './settings.ts'
import type { Path } from './source.ts'
import { parseNotifyUrl } from './values/notifying.ts'

type WrittenNotify = NonNullable<Written['notify']>
type WrittenTarget = WrittenNotify['webhooks'][number]

/** Reads the secrets that notifications need from their files. */
export function readNotify(
  written: Written['notify'],
  place: Place,
  report: ConfigReport,
): Notify | undefined {
  if (!written) return undefined
  const { webhooks, ntfy, email, matrix, ...rest } = written
  const targets = (list: readonly WrittenTarget[], kind: 'webhook' | 'ntfy', key: string) =>
    list.flatMap((one, i) => readTarget(one, kind, ['notify', key, i], place, report) ?? [])
  if (webhooks.length + ntfy.length === 0 && !email && !matrix) report.warn(['notify'], 'notify-nobody')
  const room = matrix && readMatrix(matrix, place, report)
  return {
    ...rest,
    webhooks: targets(webhooks, 'webhook', 'webhooks'),
    ntfy: targets(ntfy, 'ntfy', 'ntfy'),
    ...(email && { email: readEmail(email, place, report) }),
    ...(room && { matrix: room }),
  }
}

function readTarget(
  { url, urlFile, token, tokenFile }: WrittenTarget,
  kind: 'webhook' | 'ntfy',
  at: Path,
  place: Place,
  report: ConfigReport,
): NotifyTarget | undefined {
  if ((url === undefined) === (urlFile === undefined)) {
    report.error(at, 'notify-url-one-of')
    return undefined
  }
  const found = readKeyOrFile({ value: url, file: urlFile }, place)
  const read = found.ok ? parseNotifyUrl(found.value, kind) : found
  if (!read.ok) report.fault([...at, url === undefined ? 'urlFile' : 'url'], read.error)
  const shown = readToken({ token, tokenFile }, at, place, report)
  if (!read.ok) return undefined
  return { url: read.value, ...(shown !== undefined && { token: shown }) }
}

/** The token that is given, if any; undefined where it is not, or cannot be read, which is reported. */
function readToken(
  { token, tokenFile }: { readonly token?: string | undefined; readonly tokenFile?: string | undefined },
  at: Path,
  place: Place,
  report: ConfigReport,
): string | undefined {
  if (token !== undefined && tokenFile !== undefined) report.error(at, 'token-one-of')
  if (token === undefined && tokenFile === undefined) return undefined
  const found = readKeyOrFile({ value: token, file: tokenFile }, place)
  const key = token === undefined ? 'tokenFile' : 'token'
  const read = found.ok ? headerValue(found.value) : found
  if (!read.ok) report.fault([...at, key], read.error)
  return found.ok ? found.value : undefined
}

function headerValue(text: string): Parsed<string> {
  return /^[\x21-\x7e]+$/.test(text) ? succeeded(text) : notAccepted('token-form')
}

function readEmail(
  { password, passwordFile, ...rest }: NonNullable<WrittenNotify['email']>,
  place: Place,
  report: ConfigReport,
): NonNullable<Notify['email']> {
  const at = ['notify', 'email']
  const given = [password, passwordFile].filter(one => one !== undefined).length
  if (given > (rest.user === undefined ? 0 : 1) || (rest.user !== undefined && given === 0))
    report.error(at, 'mail-password-one-of')
  if (given === 0) return rest
  const found = readKeyOrFile({ value: password, file: passwordFile }, place)
  if (found.ok) return { ...rest, password: found.value }
  report.fault([...at, 'passwordFile'], found.error)
  return rest
}

function readMatrix(
  { token, tokenFile, ...rest }: NonNullable<WrittenNotify['matrix']>,
  place: Place,
  report: ConfigReport,
): Notify['matrix'] {
  const at = ['notify', 'matrix']
  if (token === undefined && tokenFile === undefined) report.error(at, 'token-one-of')
  const found = readToken({ token, tokenFile }, at, place, report)
  return found === undefined ? undefined : { ...rest, token: found }
}
