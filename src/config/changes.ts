import { join } from 'node:path'
import { z } from 'zod'
import { failed, type Result, succeeded } from '../base/result.ts'
import { readOwn } from '../system/own-file.ts'
import type { Language } from '../texts/language.ts'
import { explainIssue } from './messages/explain.ts'
import { fill } from './messages/messages.ts'
import { homeserverLimits } from './schema/access.ts'
import { describedAt } from './schema/description.ts'
import { limitsSection } from './schema/relaying.ts'
import type { BlockedUser, Homeserver, Settings } from './settings.ts'

/*
 * What operators change while the relay runs, from the console or the command
 * line: a list in the state folder, laid over the configuration file, which no
 * program rewrites. docs/decisions/0036-changes-over-the-file.md says why.
 */

/** Changes that there may be at a time. */
export const MOST_CHANGES = 1000

const own = {
  id: z.string().regex(/^[0-9a-f]{8}$/),
  at: z.iso.datetime(),
  /** As the access log names them. */
  who: z.string().max(256),
}
const name = z.string().max(512)

const changeShape = z.discriminatedUnion('kind', [
  z.strictObject({ ...own, kind: z.literal('pause'), homeserver: name, paused: z.boolean() }),
  z.strictObject({
    ...own,
    kind: z.literal('block'),
    user: name.min(1),
    homeserver: name.exactOptional(),
    until: z.iso.datetime().exactOptional(),
  }),
  z.strictObject({
    ...own,
    kind: z.literal('limit'),
    key: z.string().max(64),
    homeserver: name.exactOptional(),
    value: z.union([z.string().max(64), z.number()]),
  }),
])
const fileShape = z.strictObject({ changes: z.array(changeShape).max(MOST_CHANGES) })

/** One thing that an operator has changed. */
export type Change = z.output<typeof changeShape>
export type LimitChange = Extract<Change, { kind: 'limit' }>

/** The file in the state folder that keeps them. */
export function changesFile(state: string): string {
  return join(state, 'changes.json')
}

/** Reads them; none where there is no file. The error says what is wrong with it. */
export function readChanges(state: string): Result<readonly Change[], string> {
  let text: string
  try {
    const own = readOwn(changesFile(state))
    if (!own.ok) return failed(`it belongs to another user (${own.error})`)
    text = own.value
  } catch (error) {
    const { code = '?' } = error as NodeJS.ErrnoException
    return code === 'ENOENT' || code === 'ENOTDIR' ? succeeded([]) : failed(code)
  }
  try {
    return succeeded(fileShape.parse(JSON.parse(text)).changes)
  } catch (error) {
    return failed(error instanceof z.ZodError ? z.prettifyError(error).replaceAll('\n', ' ') : String(error))
  }
}

export function writtenChanges(changes: readonly Change[]): string {
  return `${JSON.stringify({ changes }, undefined, 2)}\n`
}

/** Lays changes over settings. What is about a homeserver that is not configured any more does nothing. */
export function withChanges(settings: Settings, changes: readonly Change[]): Settings {
  const blocked: BlockedUser[] = []
  let { limits, homeservers } = settings
  const change = (name: string, how: (one: Homeserver) => Homeserver) => {
    homeservers = homeservers.map(one => (one.name === name ? how(one) : one))
  }
  for (const one of changes) {
    switch (one.kind) {
      case 'pause':
        change(one.homeserver, homeserver => ({ ...homeserver, paused: one.paused }))
        break
      case 'block':
        blocked.push({
          user: one.user,
          ...(one.homeserver !== undefined && { homeserver: one.homeserver }),
          ...(one.until !== undefined && { until: Date.parse(one.until) }),
        })
        break
      case 'limit': {
        const value = parseLimit(one)
        if (!value.ok) break
        if (one.homeserver === undefined) limits = { ...limits, [one.key]: value.value }
        else
          change(one.homeserver, homeserver => ({
            ...homeserver,
            limits: { ...homeserver.limits, [one.key]: value.value },
          }))
      }
    }
  }
  return { ...settings, limits, homeservers, ...(blocked.length > 0 && { blocked }) }
}

type LimitGiven = Pick<LimitChange, 'key' | 'homeserver' | 'value'>

/** What is wrong with a limit that was given, and how to write it, as `validate` says both. */
export interface LimitFault {
  readonly what: string
  readonly fix?: string
}

/** The value of a limit as settings have it, or why it cannot be taken. */
export function parseLimit(
  { key, homeserver, value }: LimitGiven,
  language: Language = 'en',
): Result<number, LimitFault> {
  const path = homeserver === undefined ? ['limits'] : ['homeservers', 'limits']
  const section: z.ZodType = homeserver === undefined ? limitsSection : homeserverLimits
  const given = { [key]: inFileForm([...path, key], value) }
  const result = section.safeParse(given)
  if (result.success) return succeeded((result.data as Record<string, number>)[key]!)
  // Explained as part of a whole file, where it has its description.
  const whole = homeserver === undefined ? { limits: given } : { homeservers: { limits: given } }
  const [found] = result.error.issues.flatMap(issue =>
    explainIssue({ ...issue, path: [...path, ...issue.path] }, whole),
  )
  if (!found) return failed({ what: result.error.message })
  const [what, fix] = fill(found.fault.key, found.fault.values, language)
  return failed({ what, fix })
}

/** Every limit of the settings as the file would have it: `2 Mbit/s`, `unlimited`, 200. */
export function writtenLimits({ limits, homeservers }: Settings): LimitGiven[] {
  const entries = (of: Record<string, unknown>) => Object.entries(of) as [string, string | number][]
  return [
    ...entries(z.encode(limitsSection, limits) as Record<string, unknown>).map(([key, value]) => ({
      key,
      value,
    })),
    ...homeservers.flatMap(({ name: homeserver, limits: of = {} }) =>
      entries(z.encode(homeserverLimits, of)).map(([key, value]) => ({ key, homeserver, value })),
    ),
  ]
}

/** A number that came as text, as all come from a command line, where the file has a number. */
function inFileForm(path: readonly string[], value: string | number): string | number {
  const takesNumber = describedAt(path).some(({ type }) => type === 'integer')
  return typeof value === 'string' && takesNumber && /^ *[0-9]{1,15} *$/.test(value) ? Number(value) : value
}
