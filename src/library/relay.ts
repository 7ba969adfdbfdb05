/**
 * A relay inside a program of your own, for tests, desktop applications, media servers and bots.
 *
 * @module taciturn
 */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { password } from '../auth/shared-secret.ts'
import { type Address, formatIp } from '../base/address.ts'
import { successes } from '../base/result.ts'
import { type Loaded, load } from '../config/load.ts'
import { ConfigError, plain } from '../config/problem.ts'
import { type Listener, parseListener } from '../config/values/listener.ts'
import { turnUris, uriHost } from '../homeserver/synapse-lines.ts'
import type { WritingLevel } from '../log/level.ts'
import { Log, type LogFields } from '../log/log.ts'
import { Service } from '../process/service.ts'
import { StartError } from '../relay/start-error.ts'
import type { Configuration } from './configuration.ts'
import { InvalidConfiguration, TaciturnError } from './errors.ts'
import { type HostPort, toHostPort } from './host-port.ts'

export type { WritingLevel } from '../log/level.ts'
export { type ErrorCode, InvalidConfiguration, TaciturnError } from './errors.ts'
export type { HostPort } from './host-port.ts'
export type { Configuration }

/** How the relay is to be. Without anything it listens on port 3478 of all addresses. */
export interface RelayOptions {
  /**
   * What turnserver.json would hold; every key is in turnserver.example.json. Unlike the program, a relay in a
   * library opens no metrics page, console or control socket unless it is told to, and keeps nothing on disk.
   */
  readonly configuration?: Configuration
  /** The path of a turnserver.json instead. */
  readonly file?: string
  /** Is given each line of the log. Without it, nothing is logged. */
  readonly log?: (line: LogLine) => void
}

/** One line of the log. */
export interface LogLine {
  readonly level: WritingLevel
  /** A word or a sentence. */
  readonly message: string
  readonly time: string
  readonly [field: string]: unknown
}

/** A credential in the form of an RTCIceServer, so that it can be handed to an RTCPeerConnection as it is. */
export interface RelayCredential {
  readonly urls: string[]
  readonly username: string
  readonly credential: string
}

/** Whom a credential is for, and how long it lasts. */
export interface CredentialOptions {
  /** Whom it is for; appears in limits and, as a pseudonym, in the log. */
  readonly user?: string
  /** Seconds that it can be used to open allocations for; one hour by default. */
  readonly lifetime?: number
}

/** A relay that runs in this process. */
export interface RunningRelay {
  /** Where it listens, with the ports that were chosen for port 0. */
  readonly listening: readonly (HostPort & { readonly transport: 'udp' | 'tcp' | 'tls' })[]
  /** The addresses that peers see. */
  readonly relayedFrom: readonly string[]
  /** URIs under which this machine reaches it. */
  readonly urls: readonly string[]
  /** Makes a time-limited credential of the first shared secret. Throws where the configuration has none. */
  credential(options?: CredentialOptions): RelayCredential
  /** Allocations that are open. */
  readonly allocations: number
  /**
   * Ends every allocation, at once unless `stop.deadline` gives them time, and closes every socket. Resolves when
   * nothing is left of the relay; may be called twice.
   */
  stop(): Promise<void>
}

const HOUR = 3600
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

/**
 * Starts a relay and resolves when it serves. Any number of them can run in a process.
 *
 *     const relay = await startRelay({ configuration: { listen: ['udp://127.0.0.1:0'] } })
 *     new RTCPeerConnection({ iceServers: [relay.credential()] })
 *     await relay.stop()
 *
 * Rejects with `InvalidConfiguration`, or with `CANNOT_START` where an address is in use or is not this machine's.
 */
export async function startRelay(options: RelayOptions = {}): Promise<RunningRelay> {
  const own = randomBytes(24).toString('base64url')
  const read = () => loadFor(options, own)
  const loaded = read()
  const log = logInto(loaded, options.log)
  const service = new Service(loaded, { version, log, load: read })
  const bound = await service.start().catch((cause: unknown) => {
    if (cause instanceof StartError) throw new TaciturnError('CANNOT_START', cause.message, { cause })
    throw cause
  })
  const { homeservers } = loaded.settings
  const secret = homeservers.flatMap(({ secrets }) => secrets)[0]
  const listeners = successes(bound.listening.map(parseListener))
  const urls = [...new Set(listeners.flatMap(urlsOf))]
  let stopped: Promise<void> | undefined
  return {
    listening: listeners.map(({ transport, address }) => ({ transport, ...toHostPort(address) })),
    relayedFrom: bound.relays.map(relay => formatIp(relay.public)),
    urls,
    credential: ({ user = 'user', lifetime = HOUR } = {}) => {
      if (!secret) throw new TaciturnError('INVALID_CONFIGURATION', 'the configuration has no shared secret')
      const username = `${Math.floor(Date.now() / 1000) + lifetime}:${user}`
      const credential = password(Buffer.from(secret.value), username, secret.algorithm)
      return { urls, username, credential }
    },
    get allocations() {
      return service.allocations
    },
    stop: () => {
      stopped ??= service.finished.then(() => undefined)
      service.shutdown.stop('the program that started it')
      return stopped
    },
  }
}

function loadFor({ configuration, file }: RelayOptions, own: string): Loaded {
  try {
    if (file !== undefined) return load({ path: file })
    const hasIssuer = configuration?.homeservers !== undefined || configuration?.users !== undefined
    return load({
      value: {
        ...QUIET,
        ...(!hasIssuer && { homeservers: [{ name: 'library', secrets: [own] }] }),
        ...configuration,
      },
      mayWrite: false,
    })
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause
    const sentences = cause.problems.map(problem => {
      const { path, what, fix } = plain(problem, 'en')
      return `${path === '' ? '' : `${path}: `}${what}; ${fix}`
    })
    throw new InvalidConfiguration(sentences, { cause })
  }
}

const QUIET = { metrics: false, console: false, control: false, workers: 1 } as const

function logInto({ settings }: Loaded, take: RelayOptions['log']): Log {
  if (!take) return new Log({ level: 'silent', format: 'json', sink: { write: () => undefined } })
  const write = (line: string) => {
    const { level, msg, time, ...fields } = JSON.parse(line) as LogFields & { msg: string }
    take({ ...fields, level: level as WritingLevel, message: msg, time: String(time) })
  }
  return new Log({ level: settings.log.level, format: 'json', sink: { write } })
}

/** A listener on every address is reached on this machine by the loopback address. */
function urlsOf(listener: Listener): string[] {
  const { address } = listener
  const isAny = address.ip.every(octet => octet === 0)
  return turnUris(isAny ? LOOPBACK[address.family] : uriHost(address), { listen: [listener] })
}

const LOOPBACK: Readonly<Record<Address['family'], string>> = { 4: '127.0.0.1', 6: '[::1]' }
