import { type ConnectionOptions, connect } from 'node:tls'
import type { Test } from 'tap'
import { type Address, formatIp } from '../../../src/base/address.ts'
import { loadTls } from '../../../src/net/stream/tls/tls-context.ts'
import type { TestCertificate } from './certificate.ts'
import { Client } from './stream-world.ts'

/** What TLS is served with. */
export function material(t: Test, pair: TestCertificate): ReturnType<typeof loadTls> {
  const folder = t.testdir({ 'cert.pem': pair.certificate, 'key.pem': pair.key })
  return loadTls({ certificate: `${folder}/cert.pem`, key: `${folder}/key.pem` })
}

/** Connects and shakes hands; rejects when that fails. */
export function shake(t: Test, at: Address, options: ConnectionOptions = {}): Promise<Client> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...(options.socket ? {} : { host: formatIp(at.ip), port: at.port }),
      rejectUnauthorized: false,
      servername: 'turn.test',
      ...options,
    })
    socket.once('secureConnect', () => {
      socket.removeListener('error', reject)
      resolve(new Client(t, socket))
    })
    socket.once('error', reject)
    t.teardown(() => socket.destroy())
  })
}
