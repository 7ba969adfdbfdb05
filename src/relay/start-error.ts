import { formatAddress, formatIp } from '../base/address.ts'
import type { Listener } from '../config/values/listener.ts'

/** The relay cannot start: in a sentence, with how to fix it. Nothing is bound any more when it is thrown. */
export class StartError extends Error {
  override readonly name = 'StartError'
  /** By default 3: configuration invalid, as far as this machine goes. */
  readonly exitCode: number

  constructor(message: string, exitCode = 3) {
    super(message)
    this.exitCode = exitCode
  }
}

/** Says that another process is this relay already, started `since` (milliseconds since the epoch). Exit code 1. */
export function alreadyRunning(pid: number, since: number): StartError {
  const date = new Date(since).toISOString().slice(0, 19).replace('T', ' ')
  return new StartError(
    `taciturn is already running here (pid ${pid}, since ${date} UTC): taciturn status`,
    1,
  )
}

/** Says why a listener cannot be bound, and what to do about it. */
export function cannotListen(listener: Listener, error: NodeJS.ErrnoException): StartError {
  const { transport, address } = listener
  const at = `${transport}://${formatAddress(address)}`
  return new StartError(`cannot listen on ${at}: ${explain(error, transport, address.port)}`)
}

/** Says why no relay socket can be bound to an address. */
export function cannotRelay(local: Uint8Array, error: NodeJS.ErrnoException): StartError {
  const hint =
    error.code === 'EADDRNOTAVAIL'
      ? 'this machine has no such address; see which it has with: ip address. Behind 1:1 NAT write relay.addresses as "local=public"'
      : explain(error, 'udp', 0)
  return new StartError(`cannot relay from ${formatIp(local)}: ${hint}`)
}

/** Says why the metrics page cannot be served. */
export function cannotServe(at: string, port: number, error: NodeJS.ErrnoException): StartError {
  const hint = error.code === 'EADDRINUSE' ? '; or give `metrics` another address, or false' : ''
  return new StartError(`cannot serve metrics on http://${at}: ${explain(error, 'tcp', port)}${hint}`)
}

/** Says why credentials cannot be handed out. */
export function cannotIssue(at: string, port: number, error: NodeJS.ErrnoException): StartError {
  const hint = error.code === 'EADDRINUSE' ? '; or give `issue` another address' : ''
  return new StartError(`cannot hand out credentials on http://${at}: ${explain(error, 'tcp', port)}${hint}`)
}

/** Says why there is no control socket. */
export function cannotControl(path: string, error: Error): StartError {
  return new StartError(`cannot listen on the control socket ${path}: ${error.message}`)
}

/** Says why the console cannot be served. */
export function cannotServeConsole(at: string, port: number, error: NodeJS.ErrnoException): StartError {
  const hint = error.code === 'EADDRINUSE' ? '; or give `console` another address, or false' : ''
  return new StartError(`cannot serve the console on http://${at}: ${explain(error, 'tcp', port)}${hint}`)
}

function explain(error: NodeJS.ErrnoException, transport: Listener['transport'], port: number): string {
  switch (error.code) {
    case 'EADDRINUSE': {
      const kind = transport === 'udp' ? '-lunp' : '-ltnp'
      return `the address is in use by another program; see which with: ss ${kind} 'sport = :${port}' (as root)`
    }
    case 'EACCES':
    case 'EPERM':
      return port < 1024
        ? `port ${port} is for privileged programs; have systemd bind it with taciturn.socket, or set AmbientCapabilities=CAP_NET_BIND_SERVICE in the unit; else take a port above 1023`
        : 'the system does not permit it; look for a security policy (SELinux, AppArmor, seccomp)'
    case 'EADDRNOTAVAIL':
      return 'this machine has no such address; see which it has with: ip address'
    case 'EAFNOSUPPORT':
      return 'this machine has no such address family; leave the entry out of `listen`'
    case 'EMFILE':
    case 'ENFILE':
      return 'no file descriptor is left; raise LimitNOFILE, or ulimit -n'
    default:
      return error.message
  }
}
