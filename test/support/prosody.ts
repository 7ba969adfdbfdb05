import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Child } from './child.ts'
import type { Credential } from './credentials.ts'
import { which } from './need.ts'
import { freePort } from './ports.ts'

/** Debian's Prosody on loopback, with mod_turn_external. */
export interface Prosody {
  /** Asks for TURN servers as an XMPP client does (XEP-0215). */
  services(): Promise<readonly Service[]>
  /** Runs `prosodyctl check turn` with these arguments. */
  check(...args: string[]): Promise<{ readonly code: number | null; readonly output: string }>
  stop(): Promise<void>
}

/** A `service` element, by its attributes. */
export type Service = Readonly<Record<string, string>>

const HOST = 'xmpp.test'

/** Starts Prosody, which hands out credentials for a relay at 127.0.0.1. */
export async function startProsody(relay: {
  readonly port: number
  readonly secret: string
}): Promise<Prosody> {
  const folder = mkdtempSync(join(tmpdir(), 'prosody-test-'))
  // prosodyctl changes to the user prosody where it is started by root.
  chmodSync(folder, 0o755)
  const data = join(folder, 'data')
  mkdirSync(data)
  mkdirSync(join(folder, 'certs'))
  chmodSync(data, 0o777)
  const port = await freePort()
  const config = join(folder, 'prosody.cfg.lua')
  writeFileSync(config, configuration(data, port, relay))
  const server = new Child('prosody', ['-F', '--config', config], { cwd: folder })
  const stop = async () => {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await server.says(/Activated service 'c2s' on/)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    services: () => askServices(port),
    check: async (...args) => {
      const child = new Child(which('prosodyctl')!, ['--config', config, 'check', 'turn', ...args], {
        cwd: folder,
      })
      const { code } = await child.exited
      return { code, output: child.output }
    },
    stop,
  }
}

function configuration(data: string, port: number, relay: { port: number; secret: string }): string {
  return `
run_as_root = true
data_path = ${JSON.stringify(data)}
pidfile = ${JSON.stringify(join(data, 'prosody.pid'))}
log = { info = "*console" }
interfaces = { "127.0.0.1" }
c2s_ports = { ${port} }
s2s_ports = {}
c2s_require_encryption = false
modules_enabled = { "saslauth", "disco", "turn_external" }
modules_disabled = { "s2s", "tls", "offline" }
turn_external_host = "127.0.0.1"
turn_external_port = ${relay.port}
turn_external_secret = ${JSON.stringify(relay.secret)}
turn_external_tcp = true

VirtualHost "${HOST}"
  authentication = "anonymous"
`
}

/** The TURN services that an anonymous client is told. */
async function askServices(port: number): Promise<Service[]> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  let text = ''
  socket.setEncoding('utf8').on('data', chunk => {
    text += chunk
  })
  const stream = `<stream:stream to='${HOST}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`
  const exchange = async (stanza: string, answer: RegExp): Promise<string> => {
    text = ''
    socket.write(stanza)
    while (!answer.test(text)) {
      if (/<stream:error|<failure|type='error'/.test(text) || socket.readyState !== 'open')
        throw new Error(text)
      await once(socket, 'data')
    }
    return text
  }
  try {
    await exchange(stream, /<\/stream:features>/)
    await exchange("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>", /<success/)
    await exchange(stream, /<\/stream:features>/)
    await exchange(
      "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
      /<iq[^>]*id='bind'[\s\S]*<\/iq>/,
    )
    const answer = await exchange(
      `<iq type='get' id='turn' to='${HOST}'><services xmlns='urn:xmpp:extdisco:2'/></iq>`,
      /<\/services>/,
    )
    return [...answer.matchAll(/<service (?!s)([^>]*)\/>/g)].map(([, attributes]) =>
      Object.fromEntries(
        [...attributes!.matchAll(/([a-z]+)='([^']*)'/g)].map(([, name, value]) => [name, value]),
      ),
    )
  } finally {
    socket.destroy()
  }
}

/** The credential in a service. */
export function credentialIn({ username = '', password = '' }: Service): Credential {
  return { username, password }
}
