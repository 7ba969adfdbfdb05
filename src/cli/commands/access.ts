import { parseIp } from '../../base/address.ts'
import type { Loaded } from '../../config/load.ts'
import type { Homeserver, Secret } from '../../config/settings.ts'
import { guessedHost } from '../../doctor/guessed-host.ts'
import { offeredUris, uriHost } from '../../homeserver/synapse-lines.ts'
import type { CliContext } from '../context.ts'
import { CommandError, Exit } from '../io.ts'
import type { CliWords } from '../words.ts'

/** What somebody needs who is to use the relay. */
export interface AccessArguments {
  readonly homeserver: Homeserver
  /** The newest secret. */
  readonly secret: Secret
  /** How clients reach the relay; an IPv6 address in brackets. */
  readonly host: string
  readonly uris: readonly string[]
  readonly ports: { readonly udp?: number; readonly tcp?: number; readonly tls?: number }
}

export interface AccessOptions {
  readonly homeserver?: string | undefined
  readonly host?: string | undefined
}

/** Finds the homeserver, its secret and the URIs; throws `CommandError` where the choice is not clear. */
export function accessOf(loaded: Loaded, options: AccessOptions, { io, words }: CliContext): AccessArguments {
  const { settings } = loaded
  const homeserver = chosen(settings.homeservers, options.homeserver, words)
  const secret = homeserver.secrets[0]
  if (!secret) throw new CommandError(words.say('noSecret', { name: homeserver.name }), Exit.failed)
  if (homeserver.paused)
    io.stderr.write(`${words.say('warning')}: ${words.say('paused', { name: homeserver.name })}\n`)
  const place = placeOf(loaded, options, { io, words }, homeserver.uris)
  return { homeserver, secret, ...place }
}

/** How clients reach the relay. `uris` are those that the configuration names, if it does. */
export function placeOf(
  loaded: Loaded,
  options: Pick<AccessOptions, 'host'>,
  { io, words }: Pick<CliContext, 'io' | 'words'>,
  given?: readonly string[],
): Pick<AccessArguments, 'host' | 'uris' | 'ports'> {
  const { settings, defaults } = loaded
  const host = hostFor(options.host ?? guessedHost(loaded), words)
  const isGuess = options.host === undefined && defaults.realm && !given
  if (isGuess) io.stderr.write(`${words.say('guessedHost', { host })}\n`)
  const uris = options.host === undefined && given ? given : offeredUris(host, settings)
  const portOf = (transport: 'udp' | 'tcp' | 'tls') =>
    settings.listen.find(listener => listener.transport === transport && !listener.proxy)?.address.port
  const [udp, tcp] = [portOf('udp'), portOf('tcp')]
  // With a certificate a tcp:// listener takes TLS too.
  const isProxied = settings.listen.some(({ proxy }) => proxy)
  const tls = portOf('tls') ?? (isProxied ? 443 : settings.tls ? tcp : undefined)
  const ports = {
    ...(udp !== undefined && { udp }),
    ...(tcp !== undefined && { tcp }),
    ...(tls !== undefined && { tls }),
  }
  return { host, uris, ports }
}

function chosen(homeservers: readonly Homeserver[], name: string | undefined, words: CliWords): Homeserver {
  const names = homeservers.map(homeserver => homeserver.name).join(', ')
  const [first] = homeservers
  if (!first) throw new CommandError(words.say('noHomeserver'), Exit.usage)
  if (name === undefined) {
    if (homeservers.length > 1) throw new CommandError(words.say('whichHomeserver', { names }), Exit.usage)
    return first
  }
  const found = homeservers.find(homeserver => homeserver.name === name)
  if (!found) throw new CommandError(words.say('unknownHomeserver', { given: name, names }), Exit.usage)
  return found
}

/** A host as a URI has it; throws `CommandError` where it is none. */
export function hostFor(given: string, words: CliWords): string {
  const ip = parseIp(given.replace(/^\[(.*)\]$/, '$1'))
  if (ip) return uriHost({ ip })
  if (!/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?$/.test(given))
    throw new CommandError(words.say('badHost', { given }), Exit.usage)
  return given
}
