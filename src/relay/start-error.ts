import { formatAddress, formatIp } from '../base/address.ts'
import type { Listener } from '../config/values/listener.ts'
import type { Language } from '../texts/language.ts'
import { type RunningKey, type RunningPart, type RunningText, sayRunning } from '../texts/running.ts'

/** The relay cannot start: in a sentence, with how to fix it. Nothing is bound any more when it is thrown. */
export class StartError extends Error {
  override readonly name = 'StartError'
  /** `message` in no language yet. */
  readonly text: RunningText
  /** By default 3: configuration invalid, as far as this machine goes. */
  readonly exitCode: number

  constructor(text: RunningText, exitCode = 3) {
    super(sayRunning(text, 'en'))
    this.text = text
    this.exitCode = exitCode
  }

  /** The message in another language than English. */
  messageIn(language: Language): string {
    return sayRunning(this.text, language)
  }
}

/** Says that another process is this relay already, started `since` (milliseconds since the epoch). Exit code 1. */
export function alreadyRunning(pid: number, since: number): StartError {
  return new StartError({ key: 'start.alreadyRunning', values: { pid, since: new Date(since) } }, 1)
}

/** Says why calls cannot go on in this process. */
export function cannotTakeOver(why: RunningPart): StartError {
  return new StartError({ key: 'start.takeOver', values: { why } })
}

/** Says why a listener cannot be bound, and what to do about it. */
export function cannotListen(listener: Listener, error: NodeJS.ErrnoException): StartError {
  const { transport, address } = listener
  const at = `${transport}://${formatAddress(address)}`
  return new StartError({ key: 'start.listen', values: { at, why: explain(error, transport, address.port) } })
}

/** Says why no relay socket can be bound to an address. */
export function cannotRelay(local: Uint8Array, error: NodeJS.ErrnoException): StartError {
  const why: RunningPart =
    error.code === 'EADDRNOTAVAIL' ? { key: 'start.noRelayAddress' } : explain(error, 'udp', 0)
  return new StartError({ key: 'start.relay', values: { ip: formatIp(local), why } })
}

/** Says why the metrics page cannot be served. */
export function cannotServe(at: string, port: number, error: NodeJS.ErrnoException): StartError {
  return cannotServeHttp(['start.metrics', 'start.metricsElse'], at, port, error)
}

/** Says why credentials cannot be handed out. */
export function cannotIssue(at: string, port: number, error: NodeJS.ErrnoException): StartError {
  return cannotServeHttp(['start.issue', 'start.issueElse'], at, port, error)
}

/** Says why there is no control socket. */
export function cannotControl(path: string, why: RunningPart): StartError {
  return new StartError({ key: 'start.control', values: { path, why } })
}

/** Says why the console cannot be served. */
export function cannotServeConsole(at: string, port: number, error: NodeJS.ErrnoException): StartError {
  return cannotServeHttp(['start.console', 'start.consoleElse'], at, port, error)
}

/** `orElse`: what can be done besides where the address belongs to another program. */
function cannotServeHttp(
  [key, orElse]: readonly [RunningKey, RunningKey],
  at: string,
  port: number,
  error: NodeJS.ErrnoException,
): StartError {
  const why = explain(error, 'tcp', port)
  const advised: RunningPart = error.code === 'EADDRINUSE' ? { key: orElse, values: { why } } : why
  return new StartError({ key, values: { at, why: advised } })
}

function explain(error: NodeJS.ErrnoException, transport: Listener['transport'], port: number): RunningPart {
  switch (error.code) {
    case 'EADDRINUSE':
      return { key: 'start.inUse', values: { options: transport === 'udp' ? '-lunp' : '-ltnp', port } }
    case 'EACCES':
    case 'EPERM':
      return port > 0 && port < 1024
        ? { key: 'start.privileged', values: { port } }
        : { key: 'start.forbidden' }
    case 'EADDRNOTAVAIL':
      return { key: 'start.noAddress' }
    case 'EAFNOSUPPORT':
      return { key: 'start.noFamily' }
    case 'EMFILE':
    case 'ENFILE':
      return { key: 'start.descriptors' }
    default:
      return error.message
  }
}
