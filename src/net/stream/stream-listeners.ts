import { createServer, type Server, type Socket } from 'node:net'
import { type Address, address, formatIp, parseIp } from '../../base/address.ts'
import { failed, type Result, succeeded } from '../../base/result.ts'
import { descriptorOf } from '../../system/socket-handle.ts'
import { duplicate } from '../udp/native-group.ts'
import type { GivenListener } from './given.ts'

export interface StreamListenOptions {
  readonly address: Address
  /** A `tcp` port takes TLS as well, told by its first octet (RFC 7983); a `tls` port takes nothing else. */
  readonly transport: 'tcp' | 'tls'
  /** Connections begin with a PROXY header. */
  readonly proxy?: boolean | undefined
  /** TLS that is not meant for the relay is a visitor's of the web server. */
  readonly web?: boolean | undefined
  /** Adopts a socket that listens already. */
  readonly fd?: number
}

/** What comes to a port: TLS and nothing else, a PROXY header first, visitors of the web server as well. */
export interface StreamPort {
  readonly tlsOnly: boolean
  readonly proxy: boolean
  readonly web: boolean
}

export interface StreamListenersParts {
  readonly accept: (raw: Socket, port: StreamPort) => void
  /** A connection could not be accepted. */
  readonly refused: () => void
}

/** The listening sockets for TCP and TLS. */
export class StreamListeners {
  readonly #parts: StreamListenersParts
  readonly #servers = new Map<Server, Omit<GivenListener, 'fd'>>()

  constructor(parts: StreamListenersParts) {
    this.#parts = parts
  }

  /** Listens, or says why the address is not available. */
  listen(listen: StreamListenOptions): Promise<Result<Address, NodeJS.ErrnoException>> {
    return new Promise(resolve => this.#listen(listen, resolve))
  }

  /** Lets go of the sockets; they live on by their descriptors, which are the caller's. */
  give(): GivenListener[] {
    const given: GivenListener[] = []
    for (const [server, listener] of this.#servers) {
      const fd = descriptorOf(server)
      if (fd === undefined) continue
      given.push({ ...listener, fd: duplicate(fd) })
      server.close()
      this.#servers.delete(server)
    }
    return given
  }

  stop(): void {
    for (const server of this.#servers.keys()) server.close()
  }

  #listen(listen: StreamListenOptions, done: (result: Result<Address, NodeJS.ErrnoException>) => void): void {
    const { accept, refused } = this.#parts
    const { transport, proxy = false, web = false } = listen
    const port: StreamPort = { tlsOnly: transport === 'tls', proxy, web }
    const server = createServer({ noDelay: true }, raw => accept(raw, port))
    let listening = false
    server.on('error', error => {
      // Later errors are about a connection that could not be accepted.
      if (listening) refused()
      else done(failed(error))
    })
    server.once('listening', () => {
      listening = true
      const bound = server.address() as { address: string; port: number }
      const local = address(parseIp(bound.address)!, bound.port)
      this.#servers.set(server, { transport, proxy, web, address: local })
      done(succeeded(local))
    })
    const { ip, family } = listen.address
    if (listen.fd !== undefined) server.listen({ fd: listen.fd, exclusive: true })
    else
      server.listen({
        host: formatIp(ip),
        port: listen.address.port,
        ipv6Only: family === 6,
        exclusive: true,
      })
  }
}
