import type { NotifyMessage } from './message.ts'
import type { Way } from './way.ts'

export interface EmailTarget {
  readonly server: { readonly protocol: 'smtp' | 'smtps'; readonly host: string; readonly port: number }
  readonly user?: string
  readonly password?: string
  readonly from: string
  readonly to: readonly string[]
}

/** Milliseconds for each step. */
const PATIENCE = { connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 20_000 }

/** Sends e-mail by SMTP. */
export function email(target: EmailTarget): Way {
  const { from, to } = target
  return {
    name: 'email',
    send: async ({ id, title, lines, level }: NotifyMessage) => {
      // Most relays send no e-mail, and the library would stay in memory.
      const { createTransport } = await import('nodemailer')
      const transport = createTransport(smtpOptions(target))
      try {
        await transport.sendMail({
          from: { name: 'taciturn', address: from },
          to: [...to],
          subject: title,
          text: `${lines.join('\n\n')}\n`,
          messageId: `<${id}@${from.slice(from.lastIndexOf('@') + 1)}>`,
          headers: { 'Auto-Submitted': 'auto-generated' },
          ...(level === 'bad' && { priority: 'high' as const }),
        })
        return undefined
      } catch (error) {
        return whyNotSent(error)
      } finally {
        transport.close()
      }
    },
  }
}

/** TLS is insisted on, but for a server on this machine, whose certificate is mostly for another name. */
export function smtpOptions({ server, user, password }: EmailTarget) {
  const host = server.host.replace(/^\[(.*)\]$/, '$1')
  const isLocal = host === 'localhost' || host === '::1' || /^127(\.[0-9]+){3}$/.test(host)
  return {
    ...PATIENCE,
    host,
    port: server.port,
    secure: server.protocol === 'smtps',
    ...(server.protocol === 'smtp' && (isLocal ? { ignoreTLS: true } : { requireTLS: true })),
    ...(user !== undefined && { auth: { user, pass: password ?? '' } }),
    disableFileAccess: true,
    disableUrlAccess: true,
  }
}

/** In words of ours; what the server said is kept short, and is about the letter, not its secrets. */
function whyNotSent(error: unknown): string {
  const {
    code,
    responseCode,
    response = '',
  } = error as {
    readonly code?: string
    readonly responseCode?: number
    readonly response?: string
  }
  const said = response.replaceAll(/[^\x20-\x7e]/g, ' ').slice(0, 120)
  switch (code) {
    case 'EAUTH':
      return `the mail server refuses the name or the password (${responseCode ?? 'no code'})`
    case 'EENVELOPE':
    case 'EMESSAGE':
      return `the mail server refuses the letter: ${said}`
    case 'ETLS':
      return 'the mail server offers no TLS (STARTTLS), or it failed'
    case 'EDNS':
      return 'the name of the mail server cannot be looked up'
    case 'ETIMEDOUT':
      return 'the mail server did not answer in time'
    case 'ESOCKET':
    case 'ECONNECTION':
      return `the mail server cannot be reached, or its certificate is not trusted (${systemCode(error)})`
    default:
      return `the letter could not be sent (${code ?? 'no reason given'})${said === '' ? '' : `: ${said}`}`
  }
}

function systemCode(error: unknown): string {
  const text = error instanceof Error ? error.message : ''
  return /\b(E[A-Z]{3,}|self-signed certificate|certificate has expired)\b/.exec(text)?.[1] ?? 'no answer'
}
