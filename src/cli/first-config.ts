import { hostname } from 'node:os'
import { join } from 'node:path'
import { parseRealm } from '../config/values/text.ts'
import type { CliWords } from './words.ts'

/** The name of this machine, where a realm may look like that. */
export function proposedRealm(): string {
  const name = hostname()
  return parseRealm(name).ok ? name : 'localhost'
}

/** The homeserver that a relay of this name is probably for: `example.org` of `turn.example.org`. */
export function homeserverBehind(realm: string): string {
  return realm.replace(/^(turn|stun)[0-9]*\.(?=.*\.)/, '')
}

interface Parts {
  readonly realm: string
  readonly name: string
  readonly secret: string
  readonly schema: string | undefined
  /** As `relay.addresses` has them. */
  readonly addresses?: readonly string[]
  readonly tls?: { readonly certificate: string; readonly key: string } | undefined
  /** The folder that the proposed certificate is in; default: certbot's. */
  readonly certificates?: string | undefined
}

/** Writes a commented configuration to start from. */
export function firstConfig(
  { realm, name, secret, schema, addresses = ['auto'], tls, certificates }: Parts,
  { say }: CliWords,
): string {
  const comment = (text: string) => text.replaceAll(/^/gm, '  // ')
  const live = certificates ?? join('/etc/letsencrypt/live', realm)
  const certificate =
    tls === undefined
      ? `// "tls": { "certificate": ${JSON.stringify(`${live}/fullchain.pem`)}, "key":
  // ${JSON.stringify(`${live}/privkey.pem`)} },`
      : `"tls": { "certificate": ${JSON.stringify(tls.certificate)}, "key": ${JSON.stringify(tls.key)} },`
  return `{
${comment(say('template.head'))}
${schema === undefined ? '' : `  "$schema": ${JSON.stringify(schema)},\n`}
${comment(say('template.realm'))}
  "realm": ${JSON.stringify(realm)},

${comment(say('template.listen'))}
  // "listen": ["udp://0.0.0.0:3478", "udp://[::]:3478", "tcp://0.0.0.0:3478", "tcp://[::]:3478"],

${comment(say('template.tls'))}
  ${certificate}

${comment(say('template.relay'))}
  "relay": { "addresses": ${JSON.stringify(addresses)}, "ports": "49152-65535" },

${comment(say('template.homeservers'))}
  "homeservers": [{ "name": ${JSON.stringify(name)}, "secrets": ["${secret}"] }],

${comment(say('template.peers'))}
  "peers": { "deny": ["recommended"], "allow": [] },

${comment(say('template.metrics'))}
  "metrics": "http://127.0.0.1:9641",

${comment(say('template.log'))}
  "log": { "level": "info", "privacy": "pseudonym" }
}
`
}
