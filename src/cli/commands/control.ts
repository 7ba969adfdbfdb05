import { setTimeout as wait } from 'node:timers/promises'
import { fill } from '../../config/messages/messages.ts'
import { parseDuration } from '../../config/values/duration.ts'
import type {
  LinkView,
  NamesView,
  Reloaded,
  SessionList,
  SessionView,
  Status,
  TestResult,
} from '../../control/view.ts'
import { safeJson, safeTexts } from '../../log/printable.ts'
import { finishedOf, report } from '../../verdict/report.ts'
import { testWords } from '../../verdict/words.ts'
import type { CliContext } from '../context.ts'
import { ControlClient, type SocketOptions, unless404 } from '../control/control-client.ts'
import { type ShownAs, sessionLines, statusLines } from '../control/control-format.ts'
import { CommandError, Exit, painter } from '../io.ts'
import { pseudonymOf, testCode, wholeNumber } from '../person.ts'
import { linkReach } from './link-reach.ts'

/** Names that are asked for at a time. */
const NAMES_AT_ONCE = 400
/** Sessions that one answer lists. */
const MOST_SESSIONS = 20_000
/** Tests that one link allows. */
const MOST_USES = 100

export interface StatusOptions extends SocketOptions {
  readonly json: boolean
  readonly watch: boolean
  /** Says by the exit code whether new calls may come. */
  readonly ready: boolean
}

/** Says how the relay is. */
export async function status(options: StatusOptions, context: CliContext): Promise<number> {
  const { io, words } = context
  const client = new ControlClient(options, context)
  const paint = painter(io.stdout, io.env)
  let isReady = true
  const code = await repeatedly(options, context, async () => {
    const answer = await client.get<Status>('/status')
    isReady = answer.notReady.length === 0
    return options.json ? [safeJson(answer)] : statusLines(answer, words, paint)
  })
  return options.ready && !isReady ? Exit.failed : code
}

export interface SessionsOptions extends SocketOptions {
  readonly json: boolean
  readonly watch: boolean
  readonly names: boolean
  readonly homeserver?: string | undefined
  readonly user?: string | undefined
  readonly transport?: string | undefined
  readonly limit?: string | undefined
}

/** Lists the allocations. */
export async function sessions(options: SessionsOptions, context: CliContext): Promise<number> {
  const { io, words } = context
  const client = new ControlClient(options, context)
  const paint = painter(io.stdout, io.env)
  const query = new URLSearchParams()
  for (const key of ['homeserver', 'transport'] as const) {
    const value = options[key]
    if (value !== undefined) query.set(key, value)
  }
  if (options.limit !== undefined)
    query.set('limit', `${wholeNumber('limit', options.limit, MOST_SESSIONS, context)}`)
  const { user } = options
  if (user !== undefined) query.set('user', (await pseudonymOf(user, client, context)) ?? user)
  const known = new Map<string, ShownAs>()
  return repeatedly(options, context, async () => {
    const { sessions, more } = await client.get<SessionList>(`/sessions?${query}`)
    if (options.names) await learn(client, sessions, known)
    const named = sessions.map(session => {
      const shown = known.get(session.id)
      return shown ? { ...session, shown } : session
    })
    if (options.json) {
      const plain = named.map(session =>
        'shown' in session ? { ...session, ...session.shown, shown: undefined } : session,
      )
      return [safeJson({ sessions: plain, more })]
    }
    if (sessions.length === 0)
      return [
        user === undefined ? words.say('control.noSessions') : words.say('control.noUser', { given: user }),
      ]
    const width = io.stdout.columns ?? (io.stdout.isTTY ? 100 : 400)
    const lines = sessionLines(named, Date.now(), words, paint, width)
    return more > 0 ? [...lines, words.say('control.more', { count: words.format.integer(more) })] : lines
  })
}

/** Asks for the names of sessions that have not been seen yet: each look is a line of the access log. */
async function learn(
  client: ControlClient,
  sessions: readonly SessionView[],
  known: Map<string, ShownAs>,
): Promise<void> {
  const fresh = sessions.map(({ id }) => id).filter(id => !known.has(id))
  for (let i = 0; i < fresh.length; i += NAMES_AT_ONCE) {
    const names = await client.post<NamesView>('/names', { sessions: fresh.slice(i, i + NAMES_AT_ONCE) })
    for (const [id, shown] of Object.entries(names.sessions)) known.set(id, shown)
  }
}

export interface DisconnectOptions extends SocketOptions {
  readonly id?: string | undefined
  readonly user?: string | undefined
  readonly json: boolean
}

/** Ends an allocation, or all of a user. */
export async function disconnect(options: DisconnectOptions, context: CliContext): Promise<number> {
  const { id, user } = options
  if ((id === undefined) === (user === undefined))
    throw new CommandError(context.words.say('control.whom'), Exit.usage)
  const client = new ControlClient(options, context)
  const { words } = context
  const none = (key: 'control.noUser' | 'control.noSession', given: string) =>
    new CommandError(words.say(key, { given }), Exit.failed)
  const missing = id === undefined ? none('control.noUser', user!) : none('control.noSession', id)
  const pseudonym = user === undefined ? undefined : await pseudonymOf(user, client, context)
  // A session has a number; anything else would be another place of the API.
  if (id === undefined ? pseudonym === undefined : !/^[0-9]+$/.test(id)) throw missing
  const path =
    id === undefined ? `/users/${encodeURIComponent(pseudonym!)}/disconnect` : `/sessions/${id}/disconnect`
  const answer = await unless404(client.post<{ readonly ended: number }>(path), missing)
  return say(options, context, answer, context.words.count('control.ended', answer.ended))
}

export interface PlainOptions extends SocketOptions {
  readonly json: boolean
}

export interface DrainOptions extends PlainOptions {
  readonly cancel: boolean
}

/** Begins a drain, or takes it back; exit code 1 where there is none to take back. */
export async function drain(options: DrainOptions, context: CliContext): Promise<number> {
  const client = new ControlClient(options, context)
  if (options.cancel) return cancelDrain(client, options, context)
  const answer = await client.post<{ readonly allocations: number }>('/drain')
  const { allocations } = answer
  const text =
    allocations === 0
      ? context.words.say('control.drainingEmpty')
      : context.words.count('control.draining', allocations)
  return say(options, context, answer, text)
}

async function cancelDrain(
  client: ControlClient,
  options: PlainOptions,
  context: CliContext,
): Promise<number> {
  const { words } = context
  const answer = await client.post<{ readonly cancelled: boolean }>('/drain/cancel')
  if (!answer.cancelled && !options.json) {
    throw new CommandError(words.say('control.notDraining'), Exit.failed)
  }
  say(options, context, answer, words.say('control.servingAgain'))
  return answer.cancelled ? Exit.ok : Exit.failed
}

/** Has the configuration read again; a broken one is exit code 3, with what is wrong, and one that nobody read 1. */
export async function reload(options: PlainOptions, context: CliContext): Promise<number> {
  const { io, words } = context
  const answer = await new ControlClient(options, context).post<Reloaded>('/reload')
  const paint = painter(io.stderr, io.env)
  const { ok, refused, problems, warnings, restart } = safeTexts(answer)
  const complain = (text: string) => void io.stderr.write(`${text}\n`)
  if (options.json) io.stdout.write(`${safeJson(answer)}\n`)
  for (const problem of problems) complain(problem)
  for (const warning of warnings) complain(`${paint('yellow', `${words.say('warning')}:`)} ${warning}`)
  if (restart.length > 0) complain(words.say('control.restart', { keys: restart.join(', ') }))
  if (refused) complain(paint('red', words.say(`control.reloadRefused.${refused}`)))
  else if (!ok) complain(paint('red', words.say('control.broken')))
  else if (!options.json) io.stdout.write(`${words.say('control.reloaded')}\n`)
  if (refused) return Exit.failed
  return ok ? Exit.ok : Exit.config
}

export interface ConsoleOptions extends SocketOptions {
  readonly rights: string
  readonly ttl: string
  readonly json: boolean
}

/** Prints a link into the console. */
export async function consoleLink(options: ConsoleOptions, context: CliContext): Promise<number> {
  const ttl = secondsOf(options.ttl, 86_400, context)
  const asked = { kind: 'console', rights: options.rights, ttl } as const
  return printLink(options, asked, context)
}

export interface TestLinkOptions extends SocketOptions {
  readonly ttl: string
  readonly uses: string
  readonly json: boolean
}

/** Prints a link to the test page. */
export async function testLink(options: TestLinkOptions, context: CliContext): Promise<number> {
  const ttl = secondsOf(options.ttl, 30 * 86_400, context)
  const uses = wholeNumber('uses', options.uses, MOST_USES, context)
  const asked = { kind: 'test', uses, ttl } as const
  return printLink(options, asked, context)
}

export interface UsageLinkOptions extends SocketOptions {
  readonly user: string
  readonly homeserver?: string | undefined
  readonly ttl: string
  readonly json: boolean
}

/** Prints a link to the page on which one person sees their own use. */
export async function usageLink(options: UsageLinkOptions, context: CliContext): Promise<number> {
  const { user: name, homeserver } = options
  const ttl = secondsOf(options.ttl, 30 * 86_400, context)
  const asked = { kind: 'usage', name, ttl, ...(homeserver !== undefined && { homeserver }) } as const
  return printLink(options, asked, context)
}

export interface TestResultOptions extends SocketOptions {
  readonly code: string
  /** The second half of the code, where it was written as two words. */
  readonly number?: string | undefined
  readonly json: boolean
}

/** Shows the result of a test in the sentences that its user saw. */
export async function testResult(options: TestResultOptions, context: CliContext): Promise<number> {
  const { io, words } = context
  const client = new ControlClient(options, context)
  const code = testCode(`${options.code} ${options.number ?? ''}`, context)
  const result = await unless404(
    client.get<TestResult>(`/test-results/${code}`),
    new CommandError(words.say('control.noResult', { code }), Exit.failed),
  )
  if (options.json) return say(options, context, result, '')
  const paint = painter(io.stdout, io.env)
  const text = report(finishedOf(result), testWords(words.language))
  io.stdout.write(`${paint('bold', result.code)}\n${text}\n`)
  return Exit.ok
}

async function printLink(
  options: SocketOptions & { readonly json: boolean },
  asked: { readonly kind: 'console' | 'test' | 'usage' },
  context: CliContext,
): Promise<number> {
  const { io, words } = context
  const link = await new ControlClient(options, context).post<LinkView>('/links', asked)
  if (options.json) return say(options, context, link, '')
  io.stdout.write(`${link.url}\n`)
  io.stderr.write(`${words.say('control.linkUntil', { time: new Date(link.expires) })}\n`)
  const reach = linkReach(link.url, asked.kind, context)
  if (reach !== undefined) io.stderr.write(`${painter(io.stderr, io.env)('yellow', reach)}\n`)
  return Exit.ok
}

function secondsOf(ttl: string, max: number, { language, words }: CliContext): number {
  const seconds = parseDuration(ttl, { min: 10, max })
  if (seconds.ok) return seconds.value
  const why = fill(seconds.error.key, seconds.error.values, language).join('; ')
  throw new CommandError(words.say('control.badTtl', { why }), Exit.usage)
}

function say(
  { json }: { readonly json: boolean },
  { io }: CliContext,
  answer: unknown,
  text: string,
): number {
  io.stdout.write(`${json ? safeJson(answer) : text}\n`)
  return Exit.ok
}

/** Writes it once, or again every second until the relay ends, the user interrupts it or nobody reads it. */
async function repeatedly(
  { watch }: { readonly watch: boolean },
  { io }: CliContext,
  lines: () => Promise<readonly string[]>,
): Promise<number> {
  const home = watch && io.stdout.isTTY ? '\x1b[H\x1b[J' : ''
  for (;;) {
    const began = performance.now()
    const written = await lines()
    io.stdout.write(`${home}${written.join('\n')}\n`)
    if (!watch || io.unread?.aborted) return Exit.ok
    await wait(Math.max(0, 1000 - (performance.now() - began)))
  }
}
