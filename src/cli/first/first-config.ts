import { hostname } from 'node:os'
import { join } from 'node:path'
import { parseRealm } from '../../config/values/text.ts'
import { firstPort } from '../this-machine.ts'
import type { CliWords } from '../words.ts'

/** Ports to relay from where a router has to map each of them: room for a hundred calls at once. */
const PORTS_AT_HOME = '49152-49407'
/** The port of TLS and HTTPS, to which authorities connect. */
const HTTPS = 443

/** The name of this machine, where a realm may look like that. */
export function proposedRealm(): string {
  const name = hostname()
  return parseRealm(name).ok ? name : 'localhost'
}

/** The homeserver that a relay of this name is probably for: `example.org` of `turn.example.org`. */
export function homeserverBehind(realm: string): string {
  return realm.replace(/^(turn|stun)[0-9]*\.(?=.*\.)/, '')
}

/** Where a certificate comes from: files, or an authority that the relay asks, which connects to this port outside. */
export type FirstTls =
  | { readonly certificate: string; readonly key: string }
  | { readonly acme: typeof HTTPS | 80 }

/** A certificate that the relay has made: by port 443 where it can listen there, and else by port 80. */
export function madeCertificate(isOfService: boolean): FirstTls {
  // systemd binds the port for the service.
  const mayBind = isOfService || process.getuid?.() === 0 || firstPort() <= HTTPS
  return { acme: mayBind ? HTTPS : 80 }
}

export interface FirstAnswers {
  readonly realm: string
  readonly name: string
  /** As `relay.addresses` has them. */
  readonly addresses: readonly string[]
  /** Has the router at home pass the ports on. */
  readonly mapsPorts: boolean
  readonly tls: FirstTls | undefined
}

interface Parts extends FirstAnswers {
  readonly secret: string
  readonly schema: string | undefined
  /** The folder that the proposed certificate is in; default: certbot's. */
  readonly certificates?: string | undefined
}

/** The keys of a configuration that the answers set. */
export function firstValues({ realm, name, addresses, mapsPorts, tls }: FirstAnswers, secret: string) {
  return {
    realm,
    ...(tls && 'acme' in tls && tls.acme === 80 && { listen: withoutHttps() }),
    ...(tls && { tls: 'acme' in tls ? { acme: tls.acme === 80 ? { challenge: 'http-01' } : {} } : tls }),
    relay: {
      addresses,
      ports: mapsPorts ? PORTS_AT_HOME : '49152-65535',
      ...(mapsPorts && { portMapping: 'auto' }),
    },
    homeservers: [{ name, secrets: [secret] }],
  }
}

/** Writes a commented configuration to start from. */
export function firstConfig(parts: Parts, { say }: CliWords): string {
  const { realm, secret, schema, certificates } = parts
  const values = firstValues(parts, secret)
  const comment = (text: string) => text.replaceAll(/^/gm, '  // ')
  const live = certificates ?? join('/etc/letsencrypt/live', realm)
  const certificate =
    values.tls === undefined
      ? `// "tls": { "certificate": ${JSON.stringify(`${live}/fullchain.pem`)}, "key":
  // ${JSON.stringify(`${live}/privkey.pem`)} },`
      : `"tls": ${spaced(values.tls)},`
  return `{
${comment(say('template.head'))}
${schema === undefined ? '' : `  "$schema": ${JSON.stringify(schema)},\n`}
${comment(say('template.realm'))}
  "realm": ${JSON.stringify(realm)},

${comment(say('template.listen'))}
  ${values.listen ? `"listen": ${spaced(values.listen)},` : '// "listen": ["udp://0.0.0.0:3478", "udp://[::]:3478", "tcp://0.0.0.0:3478", "tcp://[::]:3478"],'}

${comment(say('template.tls'))}
  ${certificate}

${comment(say('template.relay'))}
  "relay": ${spaced(values.relay)},

${comment(say('template.homeservers'))}
  "homeservers": ${spaced(values.homeservers)},

${comment(say('template.peers'))}
  "peers": { "deny": ["recommended"], "allow": [] },

${comment(say('template.metrics'))}
  "metrics": "http://127.0.0.1:9641",

${comment(say('template.log'))}
  "log": { "level": "info", "privacy": "pseudonym" }
}
`
}

function withoutHttps(): string[] {
  const at = (transport: string, port: number) =>
    ['0.0.0.0', '[::]'].map(ip => `${transport}://${ip}:${port}`)
  return [...at('udp', 3478), ...at('tcp', 3478), ...at('tls', 5349)]
}

/** A value in one line, as one writes it by hand: `{ "key": ["one", "two"] }`. */
function spaced(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spaced).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const entries = Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}: ${spaced(one)}`)
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`
}
