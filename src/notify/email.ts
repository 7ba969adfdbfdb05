import type { RunningText } from '../texts/running.ts'
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
function whyNotSent(error: unknown): RunningText {
  const { code, responseCode, response = '' } = error as MailFault
  const said = response.replaceAll(/[^\x20-\x7e]/g, ' ').slice(0, 120)
  switch (code) {
    case 'EAUTH':
      return { key: 'unsent.mailPassword', values: { code: responseCode ?? 'EAUTH' } }
    case 'EENVELOPE':
    case 'EMESSAGE':
      return { key: 'unsent.mailRefused', values: { said } }
    case 'ETLS':
      return { key: 'unsent.mailTls' }
    case 'EDNS':
      return { key: 'unsent.mailName' }
    case 'ETIMEDOUT':
      return { key: 'unsent.mailLate' }
    case 'ESOCKET':
    case 'ECONNECTION':
      return unreached(error)
    default:
      return { key: 'unsent.mailOther', values: { detail: [code, said].filter(Boolean).join(': ') || '?' } }
  }
}

/** What nodemailer rejects with. */
interface MailFault {
  readonly code?: string
  readonly responseCode?: number
  readonly response?: string
}

function unreached(error: unknown): RunningText {
  const text = error instanceof Error ? error.message : ''
  if (/certificate has expired/.test(text)) return { key: 'unsent.mailExpired' }
  if (/self-signed certificate|unable to (verify|get)/.test(text)) return { key: 'unsent.mailUntrusted' }
  const code = /\bE[A-Z]{3,}\b/.exec(text)?.[0]
  return code === undefined ? { key: 'unsent.mailLate' } : { key: 'unsent.mailUnreachable', values: { code } }
}
