import { formatAddress, parseIp } from '../../base/address.ts'
import { nearest } from '../../config/values/nearest.ts'
import { SNIPPETS, type Snippet } from '../../homeserver/snippets.ts'
import { WEB_SNIPPETS, type WebSnippet } from '../../homeserver/web-snippets.ts'
import { absolute, type CliContext, type ConfigOption, loadFor } from '../context.ts'
import { CommandError, Exit, painter } from '../io.ts'
import { type AccessArguments, accessOf, hostFor } from './access.ts'

export interface SnippetOptions extends ConfigOption {
  readonly name?: string | undefined
  readonly homeserver?: string | undefined
  readonly host?: string | undefined
  readonly 'secret-file'?: string | undefined
}

/** Prints the lines that tell another program of this relay, secret and all: that is what it is for. */
export async function snippet(options: SnippetOptions, context: CliContext): Promise<number> {
  const { io, words } = context
  if (options.name === undefined) return listSnippets(context)
  const web = WEB_SNIPPETS.find(({ name }) => name === options.name!.toLowerCase())
  if (web) return webSnippet(web, options, context)
  const found = SNIPPETS.find(({ name }) => name === options.name!.toLowerCase())
  if (!found) {
    const guess = nearest(
      options.name,
      [...SNIPPETS, ...WEB_SNIPPETS].map(({ name }) => name),
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

function listSnippets({ io, words }: CliContext): number {
  const all = [...SNIPPETS, ...WEB_SNIPPETS]
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
