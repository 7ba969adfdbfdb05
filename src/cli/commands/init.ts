import { existsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { quoted, SYSTEM_FILE } from '../../config/find.ts'
import { load } from '../../config/load.ts'
import { freshSecret } from '../../config/secrets.ts'
import { absolute, type CliContext } from '../context.ts'
import { firstConfig, firstValues, madeCertificate } from '../first/first-config.ts'
import { FirstQuestions, type GivenAnswers, machine } from '../first/first-questions.ts'
import { refuseExisting, schemaFor, writeFresh } from '../first/fresh-file.ts'
import { Exit } from '../io.ts'

export interface InitOptions extends GivenAnswers {
  readonly output: string
  readonly force: boolean
}

/** Writes a configuration to start from, with a fresh secret, for its owner's eyes only. */
export async function init(options: InitOptions, context: CliContext): Promise<number> {
  const { io, language, words } = context
  const file = absolute(options.output, io)
  const fresh = { file, shownAs: options.output, force: options.force }
  refuseExisting(fresh, words)
  const asked = new FirstQuestions(options, context)
  const realm = await asked.realm()
  const name = await asked.homeserver(realm)
  // A service cannot read the folder of certbot; the deploy hook copies into that of the configuration.
  const isOfService = file === SYSTEM_FILE || (existsSync(file) && isGroupReadable(file))
  const { address, mapsPorts } = await asked.place(realm)
  const tls = (await asked.isCertificateMade(realm)) ? madeCertificate(isOfService) : undefined
  const certificates = isOfService ? dirname(file) : undefined
  const parts = { realm, name, addresses: [address], mapsPorts, tls, certificates }
  const secret = freshSecret()
  // Nothing is written that the relay would not take.
  load({ value: firstValues(parts, secret), env: io.env, cwd: dirname(file), language, mayWrite: false })
  const text = firstConfig({ ...parts, secret, schema: schemaFor(file) }, words)
  const readers = writeFresh(fresh, text, words)
  const shown = { file: quoted(options.output), service: SYSTEM_FILE, realm }
  io.stderr.write(`${words.say(`written.${readers}`, { file: options.output })}\n`)
  if (tls && 'acme' in tls) {
    const needs443 = isOfService ? 'needs443Service' : 'needs443'
    io.stderr.write(`${words.say(tls.acme === 80 ? 'needs80' : needs443, shown)}\n`)
  }
  io.stderr.write(`${words.say(isOfService ? 'nextService' : 'next', shown)}\n`)
  if (address === 'auto' && (await machine()).isBehindRouter)
    io.stderr.write(`${words.say('behindRouter', { ...shown, outside: nameOutside(realm) })}\n`)
  if (!isOfService && existsSync(SYSTEM_FILE)) io.stderr.write(`${words.say('besideService', shown)}\n`)
  return Exit.ok
}

/** A name that the Internet may know: the realm, unless it is that of a machine, which only its own network knows. */
function nameOutside(realm: string): string {
  return realm.includes('.') ? realm : 'turn.example.org'
}

function isGroupReadable(file: string): boolean {
  return (statSync(file).mode & 0o040) !== 0 && (statSync(file).mode & 0o007) === 0
}
