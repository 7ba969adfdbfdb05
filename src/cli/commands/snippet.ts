import { parseIp } from '../../base/address.ts'
import { nearest } from '../../config/values/nearest.ts'
import { SNIPPETS, type Snippet } from '../../homeserver/snippets.ts'
import { absolute, type CliContext, type ConfigOption, loadFor } from '../context.ts'
import { CommandError, Exit, painter } from '../io.ts'
import { type AccessArguments, accessOf } from './access.ts'

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
  const found = SNIPPETS.find(({ name }) => name === options.name!.toLowerCase())
  if (!found) {
    const guess = nearest(
      options.name,
      SNIPPETS.map(({ name }) => name),
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

function listSnippets({ io, words }: CliContext): number {
  const width = Math.max(...SNIPPETS.map(({ name }) => name.length))
  for (const { name, title, file } of SNIPPETS) io.stdout.write(`${name.padEnd(width)}  ${title} (${file})\n`)
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
