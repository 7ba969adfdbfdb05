import type { AddressInfo } from 'node:net'
import { createServer, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Test } from 'tap'

/** A letter as an SMTP server got it. */
export interface Letter {
  readonly from: string
  readonly to: readonly string[]
  readonly text: string
  /** Name and password that the client logged in with. */
  readonly login: readonly string[] | undefined
  readonly isSecure: boolean
}

export interface MailboxOptions {
  /** The only name and password that are taken. */
  readonly login?: readonly [name: string, password: string]
  /** PEM: TLS from the first octet on. */
  readonly tls?: { readonly key: string; readonly cert: string }
  /** Refuses every recipient. */
  readonly refuse?: boolean
}

export interface Mailbox {
  readonly port: number
  readonly letters: Letter[]
  /** All that clients have said, line by line. */
  readonly said: string[]
}

/** An SMTP server (RFC 5321) on loopback that keeps what it gets. */
export async function mailbox(t: Test, options: MailboxOptions = {}): Promise<Mailbox> {
  const letters: Letter[] = []
  const said: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer(raw => {
    sockets.add(raw)
    raw.on('error', () => {})
    const socket = options.tls ? new TLSSocket(raw, { isServer: true, ...options.tls }) : raw
    socket.on('error', () => {})
    converse(socket, options, letters, said)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, letters, said }
}

function converse(socket: Socket, options: MailboxOptions, letters: Letter[], said: string[]): void {
  let [from, login, waiting]: [string, string[] | undefined, string] = ['', undefined, '']
  let to: string[] = []
  let letter: string[] | undefined
  const say = (text: string) => void socket.write(`${text}\r\n`)
  const command = (line: string) => {
    said.push(line)
    const [word = ''] = line.toUpperCase().split(' ')
    if (word === 'EHLO') say(options.login ? '250-mail.test\r\n250 AUTH PLAIN' : '250 mail.test')
    else if (word === 'AUTH') {
      const [, name, password] = Buffer.from(line.split(' ')[2] ?? '', 'base64')
        .toString('utf8')
        .split('\0')
      login = [name ?? '', password ?? '']
      const isRight = login.join('\0') === options.login?.join('\0')
      say(isRight ? '235 welcome' : '535 5.7.8 no')
    } else if (word === 'MAIL') {
      from = /<(.*)>/.exec(line)?.[1] ?? ''
      say('250 ok')
    } else if (word === 'RCPT') {
      to.push(/<(.*)>/.exec(line)?.[1] ?? '')
      say(options.refuse ? '550 5.1.1 nobody of this name' : '250 ok')
    } else if (word === 'STARTTLS') {
      say('502 5.5.1 no TLS')
    } else if (word === 'DATA') {
      letter = []
      say('354 go on')
    } else if (word === 'QUIT') {
      say('221 bye')
      socket.end()
    } else say('250 ok')
  }
  const line = (text: string) => {
    if (!letter) return command(text)
    if (text !== '.') return void letter.push(text)
    letters.push({ from, to, text: letter.join('\n'), login, isSecure: socket instanceof TLSSocket })
    letter = undefined
    to = []
    say('250 kept')
  }
  socket.setEncoding('latin1')
  socket.on('data', chunk => {
    waiting += String(chunk)
    for (let end = waiting.indexOf('\r\n'); end >= 0; end = waiting.indexOf('\r\n')) {
      const text = waiting.slice(0, end)
      waiting = waiting.slice(end + 2)
      line(text)
    }
  })
  say('220 mail.test ESMTP')
}
