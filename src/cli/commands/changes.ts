import { fill } from '../../config/messages/messages.ts'
import { namesAt } from '../../config/schema/description.ts'
import { parseDuration } from '../../config/values/duration.ts'
import type { ChangeAsked, ChangesView, ChangeView, FoundView } from '../../control/view.ts'
import { safeJson } from '../../log/printable.ts'
import type { CliContext } from '../context.ts'
import { ControlClient, RefusedRequest, type SocketOptions } from '../control/control-client.ts'
import { CommandError, Exit, painter } from '../io.ts'
import { pseudonymOf } from '../person.ts'

/** Seconds that a block may last at most, and at least. */
const LONGEST_BLOCK = 315_360_000
const SHORTEST_BLOCK = 60

export interface ChangeOptions extends SocketOptions {
  readonly json: boolean
  readonly homeserver?: string | undefined
}

export interface BlockOptions extends ChangeOptions {
  readonly user: string
  readonly for?: string | undefined
}

/** Blocks a user, by name or by pseudonym; the sessions end at once. */
export async function block(options: BlockOptions, context: CliContext): Promise<number> {
  const client = new ControlClient(options, context)
  const { user: given, homeserver } = options
  const seconds = options.for === undefined ? undefined : secondsOf(options.for, context)
  // A name may be blocked before it has a session, a pseudonym stands for somebody who has one.
  const isPseudonym = /^[0-9a-f]{4,16}$/i.test(given)
  const pseudonym = isPseudonym ? await pseudonymOf(given, client, context) : undefined
  if (isPseudonym && pseudonym === undefined)
    throw new CommandError(context.words.say('control.noUser', { given }), Exit.failed)
  return change(client, options, context, {
    kind: 'block',
    ...(pseudonym === undefined ? { name: given } : { user: pseudonym }),
    ...(homeserver !== undefined && { homeserver }),
    ...(seconds !== undefined && { seconds }),
  })
}

/** Takes the blocks of a user back. */
export async function unblock(
  options: ChangeOptions & { readonly user: string },
  context: CliContext,
): Promise<number> {
  const client = new ControlClient(options, context)
  const { words } = context
  const { user: given } = options
  const { changes } = await client.get<ChangesView>('/changes')
  const blocks = changes.filter(({ kind }) => kind === 'block')
  const beginning = given.toLowerCase()
  let theirs = blocks.filter(({ user }) => user?.startsWith(beginning))
  if (new Set(theirs.map(({ user }) => user)).size > 1) {
    const users = theirs.map(({ user }) => user).join(', ')
    throw new CommandError(words.say('control.manyUsers', { given, users }), Exit.usage)
  }
  if (theirs.length === 0 && blocks.length > 0) {
    const { user } = await client.post<FoundView>('/users/find', { name: given })
    theirs = blocks.filter(one => one.user === user)
  }
  if (theirs.length === 0) throw new CommandError(words.say('control.notBlocked', { given }), Exit.failed)
  for (const { id } of theirs) await undoOne(client, id, options, context)
  return Exit.ok
}

/** Pauses a homeserver, or resumes it. */
export async function pause(
  options: ChangeOptions & { readonly homeserver: string; readonly paused: boolean },
  context: CliContext,
): Promise<number> {
  const { homeserver, paused } = options
  return change(new ControlClient(options, context), options, context, { kind: 'pause', homeserver, paused })
}

export interface LimitOptions extends ChangeOptions {
  readonly key?: string | undefined
  readonly value?: string | undefined
}

/** Changes a limit; without a value, says what the limits are. */
export async function limit(options: LimitOptions, context: CliContext): Promise<number> {
  const client = new ControlClient(options, context)
  const { homeserver, value } = options
  const key = options.key?.replace(/^(limits|homeservers\[[^\]]*\]\.limits)\./, '')
  if (key === undefined || value === undefined) {
    const { limits } = await client.get<ChangesView>('/changes')
    const shown = limits.filter(
      one =>
        (key === undefined || one.key === key) && (homeserver === undefined || one.homeserver === homeserver),
    )
    if (options.json) return print(context, safeJson({ limits: shown }))
    if (shown.length === 0)
      throw new CommandError(context.words.say('control.noLimit', { key: key ?? '' }), Exit.failed)
    return print(context, ...shown.map(one => limitLine(one, context)))
  }
  const known = namesAt(homeserver === undefined ? ['limits'] : ['homeservers', 'limits'])
  if (!known.includes(key)) throw new CommandError(context.words.say('control.noLimit', { key }), Exit.failed)
  return change(client, options, context, {
    kind: 'limit',
    key,
    value,
    ...(homeserver !== undefined && { homeserver }),
  })
}

/** Lists what has been changed over the configuration file. */
export async function changes(options: ChangeOptions, context: CliContext): Promise<number> {
  const answer = await new ControlClient(options, context).get<ChangesView>('/changes')
  if (options.json) return print(context, safeJson(answer))
  if (answer.changes.length === 0) return print(context, context.words.say('control.noChanges'))
  return print(
    context,
    ...answer.changes.map(
      one =>
        `${one.id}  ${context.words.say(one.who === 'socket' ? 'control.changedHere' : 'control.changedBy', {
          what: sentence(one, context),
          who: one.who,
          time: new Date(one.at),
        })}`,
    ),
  )
}

/** Takes back the change with this id, or the newest one. */
export async function undo(
  options: ChangeOptions & { readonly id?: string | undefined },
  context: CliContext,
): Promise<number> {
  const client = new ControlClient(options, context)
  const { words } = context
  const { changes } = await client.get<ChangesView>('/changes')
  const found =
    options.id === undefined ? changes.at(-1) : changes.find(({ id }) => id === options.id?.toLowerCase())
  if (!found)
    throw new CommandError(
      options.id === undefined
        ? words.say('control.noChanges')
        : words.say('control.noChange', { id: options.id }),
      Exit.failed,
    )
  return undoOne(client, found.id, options, context)
}

async function change(
  client: ControlClient,
  options: ChangeOptions,
  context: CliContext,
  asked: ChangeAsked,
): Promise<number> {
  const { words, io } = context
  const made = await client.post<ChangeView>('/changes', asked).catch(error => {
    const isUnknown = error instanceof RefusedRequest && error.status === 404
    if (isUnknown && asked.kind !== 'block')
      throw new CommandError(
        words.say('control.noHomeserver', { given: asked.homeserver ?? '' }),
        Exit.failed,
      )
    throw error
  })
  if (options.json) return print(context, safeJson(made))
  print(context, sentence(made, context))
  io.stderr.write(`${painter(io.stderr, io.env)('yellow', words.say('control.toUndo', { id: made.id }))}\n`)
  return Exit.ok
}

async function undoOne(
  client: ControlClient,
  id: string,
  options: ChangeOptions,
  context: CliContext,
): Promise<number> {
  const undone = await client.post<ChangeView>(`/changes/${id}/undo`)
  if (options.json) return print(context, safeJson(undone))
  return print(context, context.words.say('control.undone', { what: sentence(undone, context) }))
}

/** What has been changed, in a sentence. */
function sentence(one: ChangeView, { words }: CliContext): string {
  const { kind, homeserver, user = '', until } = one
  switch (kind) {
    case 'pause':
      return words.say(one.paused ? 'control.paused' : 'control.resumed', { homeserver: homeserver ?? '' })
    case 'block': {
      const who = homeserver === undefined ? user : `${user} (${homeserver})`
      return until === undefined
        ? words.say('control.blocked', { user: who })
        : words.say('control.blockedUntil', { user: who, time: new Date(until) })
    }
    case 'limit':
      return words.say('control.limited', { key: keyOf(one), value: String(one.value) })
  }
}

function limitLine(one: ChangesView['limits'][number], { words }: CliContext): string {
  const line = `${keyOf(one)}: ${one.value}`
  if (one.file === one.value) return line
  return one.file === undefined
    ? `${line} (${words.say('control.notInFile')})`
    : `${line} (${words.say('control.inFile', { value: String(one.file) })})`
}

function keyOf({ key = '', homeserver }: { readonly key?: string; readonly homeserver?: string }): string {
  return homeserver === undefined ? `limits.${key}` : `homeservers[${homeserver}].limits.${key}`
}

function secondsOf(given: string, { language, words }: CliContext): number {
  const seconds = parseDuration(given, { min: SHORTEST_BLOCK, max: LONGEST_BLOCK })
  if (seconds.ok) return seconds.value
  const why = fill(seconds.error.key, seconds.error.values, language).join('; ')
  throw new CommandError(words.say('control.badFor', { why }), Exit.usage)
}

function print({ io }: CliContext, ...lines: readonly string[]): number {
  io.stdout.write(`${lines.join('\n')}\n`)
  return Exit.ok
}
