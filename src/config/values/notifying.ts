import { succeeded } from '../../base/result.ts'
import { notAccepted, type Parsed } from '../fault.ts'

/** An SMTP server: `smtps` speaks TLS from the first octet, `smtp` begins it by STARTTLS. */
export interface MailServer {
  readonly protocol: 'smtp' | 'smtps'
  readonly host: string
  readonly port: number
}

const SMTP_PORTS = { smtp: 587, smtps: 465 } as const

/** Reads `smtps://mail.example.org` or `smtp://127.0.0.1:25`. */
export function parseMailServer(text: string): Parsed<MailServer> {
  const [, protocol, host, port] =
    /^(smtps?):\/\/(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?\/?$/.exec(text.trim()) ?? []
  if (!isMailProtocol(protocol) || host === undefined || Number(port ?? 1) > 65535 || Number(port ?? 1) === 0)
    // Whatever stands before an @ may be a password.
    return notAccepted('mail-server', { given: text.replace(/\/\/[^@]*@/, '//…@') })
  return succeeded({
    protocol,
    host: host.toLowerCase(),
    port: port === undefined ? SMTP_PORTS[protocol] : Number(port),
  })
}

export function formatMailServer({ protocol, host, port }: MailServer): string {
  return `${protocol}://${host}:${port}`
}

/** Reads an e-mail address, with nothing around it: `root@example.org`. */
export function parseMailAddress(text: string): Parsed<string> {
  const isAddress = /^[^\s@<>(),;:"\\[\]\p{C}]{1,64}@[^\s@<>(),;:"\\\p{C}]{1,255}$/u.test(text)
  return isAddress ? succeeded(text) : notAccepted('mail-address', { given: text })
}

/** Reads a Matrix room: its id (`!abc:example.org`, or without a server from room version 12 on) or an alias. */
export function parseRoom(text: string): Parsed<string> {
  const isRoom = /^(![^\s\p{C}/?%]{1,254}|#[^\s:\p{C}]{1,200}:[^\s\p{C}]{1,254})$/u.test(text)
  return isRoom ? succeeded(text) : notAccepted('matrix-room', { given: text })
}

/**
 * Reads a URL that is a secret itself, so that no fault may repeat it. The
 * topic of ntfy stands behind the last slash.
 */
export function parseNotifyUrl(text: string, kind: 'webhook' | 'ntfy'): Parsed<string> {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isWeb = url?.protocol === 'http:' || url?.protocol === 'https:'
  if (!isWeb || url.username !== '' || url.password !== '') return notAccepted('notify-url')
  if (kind === 'ntfy' && !/^\/[A-Za-z0-9_-]{1,64}$/.test(url.pathname)) return notAccepted('ntfy-topic')
  return succeeded(text)
}

function isMailProtocol(text: string | undefined): text is MailServer['protocol'] {
  return text === 'smtp' || text === 'smtps'
}
