import { timingSafeEqual } from 'node:crypto'
import { password } from '../auth/shared-secret.ts'

/** How a secret gets mangled on its way into another program's configuration. */
export type SecretForm =
  | 'newline'
  | 'space'
  | 'quotes'
  | 'hex-decoded'
  | 'base64-decoded'
  | 'hex-encoded'
  | 'base64-encoded'
  | 'comment'
  | 'case'
  | 'sha256'
  | 'path'

/** A secret that the relay takes, and whose it is. */
export interface KnownSecret {
  readonly homeserver: string
  readonly value: string
  readonly algorithm: 'sha1' | 'sha256'
  /** 0 is the newest. */
  readonly place: number
  /** The file that it was read from. */
  readonly file?: string
}

export interface SecretMatch {
  readonly secret: KnownSecret
  /** Absent: it is the secret itself. */
  readonly form?: SecretForm
}

/** Finds the secret that made this password, as it is or mangled; undefined when it was none of them. */
export function findSecret(
  username: string,
  given: string,
  secrets: readonly KnownSecret[],
): SecretMatch | undefined {
  const exact = secrets.find(secret => made(Buffer.from(secret.value), username, given, secret.algorithm))
  if (exact) return { secret: exact }
  for (const secret of secrets) {
    for (const [form, octets] of mangled(secret)) {
      if (made(octets, username, given, form === 'sha256' ? otherOf(secret.algorithm) : secret.algorithm)) {
        return { secret, form }
      }
    }
  }
  return undefined
}

/** Every form in which the secret may have arrived on the other side. */
export function mangled({ value, file }: Pick<KnownSecret, 'value' | 'file'>): [SecretForm, Buffer][] {
  const text = (form: SecretForm, ...texts: string[]): [SecretForm, Buffer][] =>
    texts.filter(one => one !== value).map(one => [form, Buffer.from(one)])
  const forms = [
    ...text('newline', `${value}\n`, `${value}\r\n`, `${value}\r`, `${value}\n\n`),
    ...text('space', `${value} `, ` ${value}`, value.trim(), `\ufeff${value}`),
    ...text('quotes', `"${value}"`, `'${value}'`, value.replace(/^(["'])(.*)\1$/s, '$2')),
    // A YAML or shell reader that met the secret without quotes.
    ...text('comment', value.split(' #')[0]!.trim(), value.split(/\s/)[0]!, value.split('$')[0]!),
    ...text('case', value.toLowerCase(), value.toUpperCase()),
    ...text('hex-encoded', Buffer.from(value).toString('hex')),
    ...text(
      'base64-encoded',
      Buffer.from(value).toString('base64'),
      Buffer.from(`${value}\n`).toString('base64'),
    ),
    ...(file === undefined ? [] : text('path', file)),
  ]
  if (/^([0-9a-f]{2})+$/i.test(value)) forms.push(['hex-decoded', Buffer.from(value, 'hex')])
  if (/^[A-Za-z0-9+/_-]+=*$/.test(value)) forms.push(['base64-decoded', Buffer.from(value, 'base64')])
  forms.push(['sha256', Buffer.from(value)])
  return forms.filter(([, octets]) => octets.length > 0)
}

function otherOf(algorithm: 'sha1' | 'sha256'): 'sha1' | 'sha256' {
  return algorithm === 'sha1' ? 'sha256' : 'sha1'
}

function made(secret: Buffer, username: string, given: string, algorithm: 'sha1' | 'sha256'): boolean {
  const [ours, theirs] = [Buffer.from(password(secret, username, algorithm)), Buffer.from(given)]
  return ours.length === theirs.length && timingSafeEqual(ours, theirs)
}
