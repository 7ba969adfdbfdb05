import { formatAddress, parseIp } from '../../base/address.ts'
import { nearest } from '../../config/values/nearest.ts'
import { reachable } from '../../doctor/checks/listeners.ts'
import { FRONT_SNIPPETS, type FrontSnippet, WEB_BEHIND } from '../../homeserver/front-snippets.ts'
import { MORE_SNIPPETS } from '../../homeserver/more-snippets.ts'
import { SNIPPETS, type Snippet } from '../../homeserver/snippets.ts'
import { hintConcerns, USER_SNIPPETS, type UserSnippet } from '../../homeserver/user-snippets.ts'
import { certbotLines, WEB_SNIPPETS, type WebSnippet } from '../../homeserver/web-snippets.ts'
import { absolute, type CliContext, type ConfigOption, loadFor } from '../context.ts'
import { CommandError, Exit, painter } from '../io.ts'
import { type AccessArguments, accessOf, hostFor, placeOf } from './access.ts'

/** Where a listener behind a proxy is best. */
const BEHIND = '127.0.0.1:5349'
const CERTBOT = { name: 'certbot', title: 'certbot', file: 'a shell, as root' }
const ALL: readonly { readonly name: string; readonly title: string; readonly file: string }[] = [
  ...SNIPPETS,
  ...MORE_SNIPPETS,
  ...USER_SNIPPETS,
  ...WEB_SNIPPETS,
  ...FRONT_SNIPPETS,
  CERTBOT,
]

export interface SnippetOptions extends ConfigOption {
  readonly name?: string | undefined
  readonly homeserver?: string | undefined
  readonly host?: string | undefined
  readonly 'secret-file'?: string | undefined
  /** Of `users`, for a program that takes a fixed name and password. */
  readonly user?: string | undefined
}

/** Prints the lines that tell another program of this relay, secret and all: that is what it is for. */
export async function snippet(options: SnippetOptions, context: CliContext): Promise<number> {
  const { io, words } = context
  if (options.name === undefined) return listSnippets(context)
  const wanted = options.name.toLowerCase()
  const named = ({ name }: { readonly name: string }) => name === wanted
  if (named(CERTBOT)) return certbotSnippet(options, context)
  const web = WEB_SNIPPETS.find(named)
  if (web) return webSnippet(web, options, context)
  const front = FRONT_SNIPPETS.find(named)
  if (front) return frontSnippet(front, options, context)
  const ofUser = USER_SNIPPETS.find(named)
  if (ofUser) return userSnippet(ofUser, options, context)
  const found = [...SNIPPETS, ...MORE_SNIPPETS].find(named)
  if (!found) {
    const guess = nearest(
      options.name,
      ALL.map(({ name }) => name),
    )
    const given = options.name
    const text =
      guess === undefined
        ? words.say('unknownSnippet', { given })
        : words.say('unknownSnippetGuess', { given, guess })
    throw new CommandError(text, Exit.usage)
  }
  const file = options['secret-file']
  if (file !== undefined && !found.readsFile)
    throw new CommandError(words.say('noSecretFile', { title: found.title }), Exit.usage)
  const loaded = await loadFor(options, context, { mayWrite: true, warn: false })
  const access = accessOf(loaded, options, context)
  const secret = file === undefined ? { value: sha1Secret(access, context) } : { file: absolute(file, io) }
  const where =
    found.file === 'occ'
      ? words.say('runThis', { title: found.title })
      : words.say('pasteInto', { title: found.title, file: found.file })
  io.stderr.write(`${painter(io.stderr, io.env)('dim', `# ${where}`)}\n`)
  if (wantsAddress(found) && !isIp(access.host))
    io.stderr.write(`${words.say('warning')}: ${words.say('ejabberdHost')}\n`)
  io.stdout.write(found.lines({ ...access, secret }))
  return Exit.ok
}

/** Prints the commands that get a certificate and hand it to the relay. */
async function certbotSnippet(options: SnippetOptions, context: CliContext): Promise<number> {
  const { io, words } = context
  const { settings } = await loadFor(options, context, { mayWrite: false, warn: false })
  const host = hostFor(options.host ?? settings.realm, words)
  if (parseIp(host.replace(/^\[(.*)\]$/, '$1'))) {
    throw new CommandError(words.say('certbotAddress', { host }), Exit.usage)
  }
  io.stderr.write(`# ${words.say('runThis', { title: CERTBOT.title })}\n`)
  io.stdout.write(certbotLines(host))
  io.stderr.write(`${words.say('certbotNext')}\n`)
  return Exit.ok
}

/** Prints the lines for a program with a fixed name and password, which are those of an entry of `users`. */
async function userSnippet(
  found: UserSnippet,
  options: SnippetOptions,
  context: CliContext,
): Promise<number> {
  const { io, words } = context
  const loaded = await loadFor(options, context, { mayWrite: false, warn: false })
  const { users } = loaded.settings
  const open = users.filter(({ password }) => password !== undefined)
  const { title } = found
  const user = options.user === undefined ? open[0] : open.find(({ name }) => name === options.user)
  const names = open.map(({ name }) => name).join(', ')
  if (open.length === 0) throw new CommandError(words.say('snippetNoUser', { title }), Exit.failed)
  if (!user)
    throw new CommandError(words.say('snippetUnknownUser', { given: options.user ?? '', names }), Exit.usage)
  if (options.user === undefined && open.length > 1)
    throw new CommandError(words.say('snippetWhichUser', { names }), Exit.usage)
  const where = words.say('pasteInto', { title, file: found.file })
  io.stderr.write(`${painter(io.stderr, io.env)('dim', `# ${where}`)}\n`)
  const input = { ...placeOf(loaded, options, context), user: user.name, password: user.password! }
  if (found.hint && hintConcerns(found.hint, input))
    io.stderr.write(
      `${words.say('warning')}: ${words.say(found.hint === 'kurento' ? 'kurentoHost' : 'simplexColon')}\n`,
    )
  io.stdout.write(found.lines(input))
  return Exit.ok
}

/** Prints the lines of a web server for the console and the test page; there is no secret in them. */
async function webSnippet(found: WebSnippet, options: SnippetOptions, context: CliContext): Promise<number> {
  const { io, words } = context
  const { settings } = await loadFor(options, context, { mayWrite: false, warn: false })
  if (!settings.console) throw new CommandError(words.say('noConsole'), Exit.failed)
  const host = hostFor(options.host ?? settings.realm, words)
  io.stderr.write(`# ${words.say('pasteInto', { title: found.title, file: found.file })}\n`)
  io.stdout.write(found.lines({ host, upstream: formatAddress(settings.console.listen) }))
  io.stderr.write(`${words.say('webNext', { host })}\n`)
  return Exit.ok
}

/** Prints the lines that share port 443 between this relay and a web server, and what that needs here. */
async function frontSnippet(
  found: FrontSnippet,
  options: SnippetOptions,
  context: CliContext,
): Promise<number> {
  const { io, words } = context
  const { settings } = await loadFor(options, context, { mayWrite: false, warn: false })
  const host = hostFor(options.host ?? settings.realm, words)
  const listener = settings.listen.find(({ transport, proxy }) => transport === 'tls' && proxy)
  const relay = listener ? formatAddress(reachable(listener.address)) : BEHIND
  io.stderr.write(`# ${words.say('pasteInto', { title: found.title, file: found.file })}\n`)
  io.stdout.write(found.lines({ host, relay }))
  io.stderr.write(`${words.say('frontNext', { web: WEB_BEHIND })}\n`)
  if (!listener) io.stderr.write(`${words.say('frontListener', { relay })}\n`)
  return Exit.ok
}

function listSnippets({ io, words }: CliContext): number {
  const all = ALL
  const width = Math.max(...all.map(({ name }) => name.length))
  for (const { name, title, file } of all) io.stdout.write(`${name.padEnd(width)}  ${title} (${file})\n`)
  io.stderr.write(`${words.say('snippets')}\n`)
  return Exit.ok
}

function sha1Secret({ homeserver }: AccessArguments, { words }: CliContext): string {
  const secret = homeserver.secrets.find(({ algorithm }) => algorithm === 'sha1')
  if (!secret) throw new CommandError(words.say('onlySha256', { name: homeserver.name }), Exit.failed)
  return secret.value
}

function wantsAddress({ name }: Snippet): boolean {
  return name === 'ejabberd'
}

function isIp(host: string): boolean {
  return parseIp(host.replace(/^\[(.*)\]$/, '$1')) !== undefined
}
