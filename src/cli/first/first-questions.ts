import type { Parsed } from '../../config/fault.ts'
import { fill } from '../../config/messages/messages.ts'
import { parseRelayAddress } from '../../config/values/relay-address.ts'
import { parseHomeserverName, parseRealm } from '../../config/values/text.ts'
import type { CliContext } from '../context.ts'
import { CommandError, Exit } from '../io.ts'
import type { CliKey } from '../words.ts'
import { homeserverBehind, proposedRealm } from './first-config.ts'

/** Has the router say by which address the Internet reaches it. */
const ASK_ROUTER = 'pcp'

/** What was given on the command line. */
export interface GivenAnswers {
  readonly realm?: string | undefined
  readonly homeserver?: string | undefined
  /** Address or name by which the Internet reaches this machine, where that has a private address. */
  readonly publicAddress?: string | undefined
  /** Has the router pass the ports on. */
  readonly mapPorts?: boolean | undefined
  /** Where the certificate comes from. */
  readonly certificate?: 'none' | 'letsencrypt' | undefined
}

/**
 * What a first configuration depends on. Somebody at a terminal is asked for it, unless the name of the relay was
 * given: the next of several lines that are pasted must not become an answer.
 */
export class FirstQuestions {
  readonly #given: GivenAnswers
  readonly #context: CliContext
  readonly #ask: ((question: string) => Promise<string>) | undefined

  /** Throws a `CommandError` for what cannot be an address. */
  constructor(given: GivenAnswers, context: CliContext) {
    this.#given = given
    this.#context = context
    this.#ask = given.realm === undefined ? context.io.ask : undefined
    if (given.publicAddress !== undefined) this.#outside(given.publicAddress)
  }

  realm(): Promise<string> {
    return this.#value(this.#given.realm, proposedRealm(), 'askRealm', parseRealm)
  }

  homeserver(realm: string): Promise<string> {
    return this.#value(this.#given.homeserver, homeserverBehind(realm), 'askHomeserver', parseHomeserverName)
  }

  /** Where the machine is: on the Internet itself, unless something else is given or said. */
  async place(realm: string): Promise<{ readonly address: string; readonly mapsPorts: boolean }> {
    const { publicAddress, mapPorts } = this.#given
    const { words } = this.#context
    if (publicAddress !== undefined)
      return { address: this.#outside(publicAddress), mapsPorts: mapPorts ?? false }
    if (mapPorts) return { address: this.#outside(ASK_ROUTER), mapsPorts: true }
    const { isBehindRouter, addresses } = await machine()
    const shown = { addresses: addresses.join(', ') || '–' }
    const isInside = this.#ask && (await this.#yesOrNo('askRouter', isBehindRouter, this.#ask, shown))
    if (!this.#ask || !isInside) return { address: 'auto', mapsPorts: false }
    const proposal = realm.includes('.') ? realm : ASK_ROUTER
    const answer = (await this.#ask(words.say('askOutside', { proposal }))).trim()
    const address = this.#outside(answer || proposal)
    return { address, mapsPorts: mapPorts ?? (await this.#yesOrNo('askMapping', false, this.#ask)) }
  }

  /** Whether an authority is to make the certificate. */
  async isCertificateMade(realm: string): Promise<boolean> {
    const { certificate } = this.#given
    // No authority knows the name of a machine.
    const isKnown = realm.includes('.')
    if (certificate !== undefined || !this.#ask || !isKnown) return certificate === 'letsencrypt'
    return this.#yesOrNo('askCertificate', false, this.#ask)
  }

  /** Takes what was given, else asks where somebody can answer, else what is proposed. */
  async #value(
    given: string | undefined,
    proposal: string,
    question: 'askRealm' | 'askHomeserver',
    parse: (text: string) => Parsed<string>,
  ): Promise<string> {
    const { words, language } = this.#context
    const said = given ?? (await this.#ask?.(words.say(question, { proposal })))?.trim()
    const parsed = parse(given ?? (said || proposal))
    if (parsed.ok) return parsed.value
    throw new CommandError(fill(parsed.error.key, parsed.error.values, language).join('; '), Exit.usage)
  }

  async #yesOrNo(
    question: CliKey,
    proposed: boolean,
    ask: (question: string) => Promise<string>,
    shown: Readonly<Record<string, string>> = {},
  ): Promise<boolean> {
    const { words } = this.#context
    const proposal = words.say(proposed ? 'yes' : 'no')
    const given = (await ask(words.say(question, { ...shown, proposal }))).trim()
    if (given === '') return proposed
    if (/^(y|yes|j|ja)$/i.test(given)) return true
    if (/^(n|no|nein)$/i.test(given)) return false
    throw new CommandError(words.say('badYes', { given }), Exit.usage)
  }

  /** As `relay.addresses` has this machine's address, where the Internet sees it under another one. */
  #outside(given: string): string {
    const written = `auto=${given.trim()}`
    if (parseRelayAddress(written).ok) return written
    throw new CommandError(this.#context.words.say('badPublicAddress', { given }), Exit.usage)
  }
}

/** Whether this machine is in a network and has no public address, and the addresses that others may reach. */
export async function machine(): Promise<{
  readonly isBehindRouter: boolean
  readonly addresses: readonly string[]
}> {
  const { placeOfMachine } = await import('../../process/setup.ts')
  const { place, addresses } = placeOfMachine()
  return { isBehindRouter: place === 'home' && addresses.length > 0, addresses }
}
