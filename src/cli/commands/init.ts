import { existsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Parsed } from '../../config/fault.ts'
import { quoted, SYSTEM_FILE } from '../../config/find.ts'
import { fill } from '../../config/messages/messages.ts'
import { freshSecret } from '../../config/secrets.ts'
import { parseRelayAddress } from '../../config/values/relay-address.ts'
import { parseHomeserverName, parseRealm } from '../../config/values/text.ts'
import { absolute, type CliContext } from '../context.ts'
import { firstConfig, homeserverBehind, proposedRealm } from '../first-config.ts'
import { refuseExisting, schemaFor, writeFresh } from '../fresh-file.ts'
import { CommandError, Exit } from '../io.ts'
import type { CliWords } from '../words.ts'

export interface InitOptions {
  readonly realm?: string | undefined
  readonly homeserver?: string | undefined
  /** Address or name by which the Internet reaches this machine, where that has a private address. */
  readonly publicAddress?: string | undefined
  readonly output: string
  readonly force: boolean
}

/** Writes a configuration to start from, with a fresh secret, for its owner's eyes only. */
export async function init(options: InitOptions, context: CliContext): Promise<number> {
  const { io, words } = context
  const file = absolute(options.output, io)
  const fresh = { file, shownAs: options.output, force: options.force }
  refuseExisting(fresh, words)
  const outside = options.publicAddress
  const relayed = outside === undefined ? 'auto' : publicly(outside, words)
  const realm = await value(
    options.realm,
    proposedRealm(),
    proposal => words.say('askRealm', { proposal }),
    parseRealm,
    context,
  )
  const name = await value(
    options.homeserver,
    homeserverBehind(realm),
    proposal => words.say('askHomeserver', { proposal }),
    parseHomeserverName,
    context,
  )
  // A service cannot read the folder of certbot; the deploy hook copies into that of the configuration.
  const isOfService = file === SYSTEM_FILE || (existsSync(file) && isGroupReadable(file))
  const certificates = isOfService ? dirname(file) : undefined
  const secret = freshSecret()
  const text = firstConfig(
    { realm, name, secret, schema: schemaFor(file), addresses: [relayed], certificates },
    words,
  )
  const readers = writeFresh(fresh, text, words)
  const shown = { file: quoted(options.output), service: SYSTEM_FILE, realm }
  io.stderr.write(`${words.say(`written.${readers}`, { file: options.output })}\n`)
  io.stderr.write(`${words.say(isOfService ? 'nextService' : 'next', shown)}\n`)
  if (outside === undefined && (await isBehindRouter()))
    io.stderr.write(`${words.say('behindRouter', { ...shown, outside: nameOutside(realm) })}\n`)
  if (!isOfService && existsSync(SYSTEM_FILE)) io.stderr.write(`${words.say('besideService', shown)}\n`)
  return Exit.ok
}

/** A name that the Internet may know: the realm, unless it is that of a machine, which only its own network knows. */
function nameOutside(realm: string): string {
  return realm.includes('.') ? realm : 'turn.example.org'
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

/** As `relay.addresses` has this machine's address, where the Internet sees it under another one. */
function publicly(outside: string, words: CliWords): string {
  const written = `auto=${outside.trim()}`
  if (parseRelayAddress(written).ok) return written
  throw new CommandError(words.say('badPublicAddress', { given: outside }), Exit.usage)
}

function isGroupReadable(file: string): boolean {
  return (statSync(file).mode & 0o040) !== 0 && (statSync(file).mode & 0o007) === 0
}

/** Whether this machine is in a network, and has no public address. */
async function isBehindRouter(): Promise<boolean> {
  const { placeOfMachine } = await import('../../process/setup.ts')
  const { place, addresses } = placeOfMachine()
  return place === 'home' && addresses.length > 0
}
