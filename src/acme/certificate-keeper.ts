import { createPrivateKey, type KeyObject, randomInt, X509Certificate } from 'node:crypto'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Settings, TlsFiles } from '../config/settings.ts'
import { exchange } from '../http/exchange.ts'
import type { Log } from '../log/log.ts'
import type { AcmeChallenge } from '../net/stream/tls/acme-door.ts'
import { wallTime } from '../system/clock.ts'
import { writeKept } from '../system/kept-file.ts'
import { readOwn } from '../system/own-file.ts'
import type { WaitingText } from '../texts/waiting.ts'
import { CertificateAuthority } from './authority.ts'
import { AcmeError, type ProofWay } from './fault.ts'
import { newAccountKey } from './jws.ts'
import { orderCertificate } from './order.ts'

/** The certificate that is served, as far as its renewal goes. */
export interface ServedCertificate {
  readonly names: readonly string[]
  readonly validFrom: Date
  readonly validTo: Date
}

export interface CertificateKeeperParts {
  readonly log: Pick<Log, 'info' | 'warn'>
  /** What is served now; nothing where there is none yet. */
  readonly served: () => ServedCertificate | undefined
  /** Answers these challenges from now on, and no other. */
  readonly prove: (challenges: readonly AcmeChallenge[]) => void
  /** A new certificate is in its file. */
  readonly renewed: () => void
  /** Milliseconds on the wall, by which certificates are dated. */
  readonly now?: () => number
  /** Milliseconds from some moment on; no step of the wall clock moves it. */
  readonly elapsed?: () => number
  readonly wait?: (ms: number) => Promise<void>
  readonly exchange?: typeof exchange
  /** From 0 to 1, so that not all relays come in the same minute. */
  readonly random?: () => number
}

const MINUTE = 60_000
/** Steps into which the stretch is cut over which relays spread their renewals. */
const SPREAD = 1000
/**
 * Minutes until it is tried again after failures. Let's Encrypt permits five
 * failures an hour for a name: the first three leave room for an operator who restarts.
 */
const AGAIN = [5, 15, 30, 60, 120, 240, 480, 720]
/**
 * Milliseconds from one certificate to the next at least, or a third of its lifetime, however soon it seems due; and
 * however short its lifetime is.
 */
const APART = { usual: 60 * MINUTE, least: MINUTE / 4 }
/** Milliseconds that an authority has for one certificate, all proofs included. */
const LONGEST_ORDER = 30 * MINUTE

type Acme = NonNullable<TlsFiles['acme']>

/**
 * Keeps a certificate valid that an authority makes by ACME: the first one,
 * when two thirds of its time are over the next, and one for other names when
 * the configuration asks for them. Until then what there is is served.
 */
export class CertificateKeeper {
  readonly #parts: CertificateKeeperParts
  readonly #spread: number
  #tls: TlsFiles | undefined
  #ways: readonly ProofWay[] = []
  #fault: WaitingText | undefined
  #failures = 0
  #notBefore = Number.NEGATIVE_INFINITY
  #isBusy = false

  constructor(settings: Settings, parts: CertificateKeeperParts) {
    this.#parts = parts
    this.#spread = (parts.random ?? (() => randomInt(SPREAD) / SPREAD))()
    this.configure(settings)
  }

  /** Why there is no certificate yet, or no new one where that is due. */
  get waiting(): WaitingText | undefined {
    const acme = this.#tls?.acme
    if (!acme || this.#fault) return this.#fault
    if (this.#parts.served()) return undefined
    return { key: 'acme.asking', values: { authority: new URL(acme.directory).host } }
  }

  configure({ tls, listen }: Settings): void {
    this.#ways = waysOf(tls?.acme, listen)
    if (isDeepStrictEqual(tls, this.#tls)) return
    this.#tls = tls
    this.#fault = undefined
    this.#failures = 0
    this.#notBefore = Number.NEGATIVE_INFINITY
  }

  /** Once a second. */
  tick(): void {
    const tls = this.#tls
    if (!tls?.acme || this.#isBusy || this.#elapsed() < this.#notBefore) return
    if (!this.#isDue(tls.acme)) return
    this.#isBusy = true
    void this.#renew(tls, tls.acme).finally(() => {
      this.#isBusy = false
    })
  }

  #isDue({ names }: Acme): boolean {
    const served = this.#parts.served()
    const known = new Set(served?.names.map(name => name.toLowerCase()))
    if (!served || !names.every(name => known.has(name.toLowerCase()))) return true
    const [from, to] = [served.validFrom.getTime(), served.validTo.getTime()]
    const lifetime = to - from
    return this.#now() >= to - lifetime / 3 - (this.#spread * lifetime) / 30
  }

  async #renew(tls: TlsFiles, acme: Acme): Promise<void> {
    const { log, renewed } = this.#parts
    try {
      const pem = await this.#order(tls, acme)
      // Meanwhile other names may be wanted.
      if (this.#tls !== tls) return
      keep(tls.certificate, pem)
      this.#fault = undefined
      this.#failures = 0
      this.#notBefore = this.#elapsed() + Math.max(APART.least, Math.min(APART.usual, lifetimeOf(pem) / 3))
      log.info('certificate obtained', { names: acme.names, from: new URL(acme.directory).host })
      renewed()
    } catch (error) {
      // Calls do not end for what an authority or a file of the account is like.
      const fault = error instanceof AcmeError ? error : unexpected(error as Error, acme)
      if (this.#tls === tls) this.#failed(fault)
    }
  }

  /** Tries one way after the other; of their faults, that of the first is the one to fix. */
  async #order(tls: TlsFiles, { names, email, directory }: Acme): Promise<string> {
    const account = accountKey(join(dirname(tls.certificate), 'account.pem'))
    const until = this.#elapsed() + LONGEST_ORDER
    const { wait = (ms: number) => delay(ms, undefined, { ref: false }), exchange: ask = exchange } =
      this.#parts
    const goOn = () => {
      // Other names may be wanted by now, or another authority.
      if (this.#tls !== tls || this.#elapsed() > until)
        throw new AcmeError({ key: 'acme.slow', values: { authority: new URL(directory).host } })
    }
    let first: AcmeError | undefined
    for (const way of this.#ways) {
      try {
        return await orderCertificate({
          authority: new CertificateAuthority({
            directory,
            key: account,
            exchange: async asked => {
              goOn()
              return ask(asked)
            },
          }),
          account,
          names,
          email,
          way,
          prove: this.#parts.prove,
          wait: async ms => {
            await wait(ms)
            goOn()
          },
          now: () => this.#now(),
        })
      } catch (error) {
        if (!(error instanceof AcmeError)) throw error
        first ??= error
        if (!UNPROVED.includes(error.fault.key)) break
      }
    }
    throw first ?? new Error('no way to prove a name')
  }

  #failed({ fault, patience }: AcmeError): void {
    const minutes = AGAIN[Math.min(this.#failures++, AGAIN.length - 1)]!
    const pause = Math.max(minutes * MINUTE, Math.min(patience * 1000, AGAIN.at(-1)! * MINUTE))
    this.#fault = fault
    this.#notBefore = this.#elapsed() + pause
    const at = new Date(this.#now() + pause)
    this.#parts.log.warn({ key: 'warn.acme', values: { why: fault, at } })
  }

  #now(): number {
    return (this.#parts.now ?? wallTime)()
  }

  #elapsed(): number {
    return (this.#parts.elapsed ?? (() => performance.now()))()
  }
}

/** Faults that another way to prove a name may not have. */
const UNPROVED: readonly string[] = ['acme.connection', 'acme.otherHttp', 'acme.otherTls']

/** By TLS where the relay has port 443; by HTTP everywhere, as port 80 may lead to any TCP listener. */
function waysOf(acme: Acme | undefined, listen: Settings['listen']): ProofWay[] {
  if (!acme) return []
  if (acme.challenge !== 'auto') return [acme.challenge]
  const has443 = listen.some(({ transport, address }) => transport !== 'udp' && address.port === 443)
  return has443 ? ['tls-alpn-01', 'http-01'] : ['http-01']
}

/** Milliseconds. */
function lifetimeOf(pem: string): number {
  const { validFrom, validTo } = new X509Certificate(pem)
  return Date.parse(validTo) - Date.parse(validFrom)
}

function unexpected({ message }: Error, { directory }: Acme): AcmeError {
  return new AcmeError({
    key: 'acme.strange',
    values: { authority: new URL(directory).host, detail: message },
  })
}

/** The account's key; a new one where there is none that can be used. */
function accountKey(file: string): KeyObject {
  const found = readKey(file)
  if (found) return found
  const key = newAccountKey()
  keep(file, key.export({ type: 'pkcs8', format: 'pem' }) as string)
  return key
}

/** Undefined where the file has no key of ours on P-256, which is what requests are signed by. */
function readKey(file: string): KeyObject | undefined {
  try {
    const own = readOwn(file)
    // The account would be somebody else's as well.
    if (!own.ok) return undefined
    const key = createPrivateKey(own.value)
    return key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? key : undefined
  } catch {
    return undefined
  }
}

function keep(file: string, text: string): void {
  try {
    writeKept(file, text)
  } catch (error) {
    const { code = '?' } = error as NodeJS.ErrnoException
    throw new AcmeError({ key: 'acme.state', values: { file, code } })
  }
}
