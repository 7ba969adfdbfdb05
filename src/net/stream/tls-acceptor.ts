import { createServer, type SecureContextOptions, type Server, type TLSSocket } from 'node:tls'

/**
 * Makes a TLS server that does not listen: connections are handed to it with
 * `emit('connection', socket)`, whichever port they came by. Handshakes that
 * fail end their connection and nothing else.
 */
export function createTlsAcceptor(
  options: SecureContextOptions,
  established: (socket: TLSSocket) => void,
): Server {
  const server = createServer({ ...options, ALPNCallback: chooseProtocol })
  server.on('secureConnection', established)
  server.on('tlsClientError', (_error, socket) => socket.destroy())
  return server
}

/**
 * Chooses TURN (RFC 7443). A client that offers only foreign protocols gets
 * the first of them: node cannot leave the extension unanswered, and a refusal
 * would turn away clients that have always been let in. NAT discovery is not
 * served here, so who offers nothing else is refused. Must never throw
 * (CVE-2026-21637).
 */
export function chooseProtocol(offer: { readonly protocols: readonly string[] }): string | undefined {
  if (offer.protocols.includes(TURN)) return TURN
  return offer.protocols.find(protocol => protocol !== NAT_DISCOVERY)
}

const TURN = 'stun.turn'
const NAT_DISCOVERY = 'stun.nat-discovery'
