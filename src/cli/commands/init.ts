import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Parsed } from '../../config/fault.ts'
import { quoted } from '../../config/find.ts'
import { fill } from '../../config/messages/messages.ts'
import { freshSecret } from '../../config/secrets.ts'
import { parseHomeserverName, parseRealm } from '../../config/values/text.ts'
import { absolute, type CliContext } from '../context.ts'
import { refuseExisting, schemaFor, writeFresh } from '../fresh-file.ts'
import { CommandError, Exit } from '../io.ts'
import type { CliWords } from '../words.ts'

export interface InitOptions {
  readonly realm?: string | undefined
  readonly homeserver?: string | undefined
  readonly output: string
  readonly force: boolean
}

/** Writes a configuration to start from, with a fresh secret, for its owner's eyes only. */
export async function init(options: InitOptions, context: CliContext): Promise<number> {
  const { io, words } = context
  const file = absolute(options.output, io)
  const fresh = { file, shownAs: options.output, force: options.force }
  refuseExisting(fresh, words)
  const realm = await value(
    options.realm,
    proposedRealm(),
    proposal => words.say('askRealm', { proposal }),
    parseRealm,
    context,
  )
  const name = await value(
    options.homeserver,
    realm.replace(/^(turn|stun)[0-9]*\.(?=.*\.)/, ''),
    proposal => words.say('askHomeserver', { proposal }),
    parseHomeserverName,
    context,
  )
  const readers = writeFresh(
    fresh,
    template({ realm, name, secret: freshSecret(), schema: schemaFor(file) }, words),
    words,
  )
  io.stderr.write(
    `${words.say(`written.${readers}`, { file: options.output })}\n${words.say('next', { file: quoted(options.output) })}\n`,
  )
  return Exit.ok
}

/** Takes what was given, else asks where somebody can answer, else what was proposed. */
async function value(
  given: string | undefined,
  proposal: string,
  question: (proposal: string) => string,
  parse: (text: string) => Parsed<string>,
  { io, language }: CliContext,
): Promise<string> {
  const answer = given ?? (io.ask ? (await io.ask(question(proposal))).trim() || proposal : proposal)
  const parsed = parse(answer)
  if (parsed.ok) return parsed.value
  throw new CommandError(fill(parsed.error.key, parsed.error.values, language).join('; '), Exit.usage)
}

function proposedRealm(): string {
  const name = hostname()
  return parseRealm(name).ok ? name : 'localhost'
}

interface Parts {
  readonly realm: string
  readonly name: string
  readonly secret: string
  readonly schema: string | undefined
}

function template({ realm, name, secret, schema }: Parts, { say }: CliWords): string {
  const comment = (text: string) => text.replaceAll(/^/gm, '  // ')
  const live = join('/etc/letsencrypt/live', realm)
  return `{
${comment(say('template.head'))}
${schema === undefined ? '' : `  "$schema": ${JSON.stringify(schema)},\n`}
${comment(say('template.realm'))}
  "realm": ${JSON.stringify(realm)},

${comment(say('template.listen'))}
  // "listen": ["udp://0.0.0.0:3478", "udp://[::]:3478", "tcp://0.0.0.0:3478", "tcp://[::]:3478"],

${comment(say('template.tls'))}
  // "tls": { "certificate": ${JSON.stringify(`${live}/fullchain.pem`)}, "key":
  // ${JSON.stringify(`${live}/privkey.pem`)} },

${comment(say('template.relay'))}
  "relay": { "addresses": ["auto"], "ports": "49152-65535" },

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
