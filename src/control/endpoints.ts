import { z } from 'zod'
import { fault, okAnswer } from './answer.ts'
import { BAN_ENDPOINTS } from './bans/ban-endpoints.ts'
import { type ApiEndpoint, type Call, type Desk, note, readAs } from './call.ts'
import { CHANGE_ENDPOINTS } from './change-endpoints.ts'
import { EXPORT_ENDPOINTS } from './export-endpoints.ts'
import { NOTIFY_TEST } from './notify-endpoint.ts'
import {
  accessShape,
  cancelledShape,
  configurationShape,
  drainingShape,
  endedShape,
  foundShape,
  historyShape,
  linkShape,
  namesShape,
  reloadedShape,
  seriesShape,
  sessionShape,
  sessionsShape,
  statusShape,
  upgradedShape,
} from './shapes.ts'
import { SIGN_IN_ENDPOINTS } from './sign-in/sign-in-endpoints.ts'
import { TEST_ENDPOINTS } from './tests/test-endpoints.ts'
import { BUDGET_ENDPOINTS } from './usage/budget-endpoints.ts'
import { OWN_ENDPOINTS } from './usage/own-endpoints.ts'
import { USAGE_ENDPOINTS } from './usage/usage-endpoints.ts'

/** Names that one request may ask for. */
const MOST_NAMES = 1000
/** Seconds that a link for the console is good for, at most. */
const LONGEST_LINK = 86_400
/** The same for a link to the test page, which may have to travel by letter. */
const LONGEST_TEST_LINK = 30 * 86_400
const MOST_USES = 100
/** The same for a link to the page about somebody's own use. */
const LONGEST_USAGE_LINK = 30 * 86_400

const namesAsked = z.strictObject({
  users: z.array(z.string().max(128)).max(MOST_NAMES).default([]).describe('Pseudonyms of users.'),
  sessions: z.array(z.string().max(32)).max(MOST_NAMES).default([]).describe('Ids of sessions.'),
})

const nameAsked = z.strictObject({
  name: z.string().min(1).max(512).describe('The name in the credential: `@alice:example.org`.'),
})

const ttl = (most: number, otherwise: number) =>
  z.int().min(10).max(most).default(otherwise).describe('Seconds that the link is good for.')

const linkAsked = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('console').describe('A link into the console.'),
    rights: z.enum(['read', 'act']).default('act').describe('What one may do with it.'),
    ttl: ttl(LONGEST_LINK, 3600),
  }),
  z.strictObject({
    kind: z.literal('test').describe('A link to the test page.'),
    uses: z.int().min(1).max(MOST_USES).default(1).describe('Tests that it is good for.'),
    ttl: ttl(LONGEST_TEST_LINK, 1800),
  }),
  z.strictObject({
    kind: z.literal('usage').describe('A link to the page on which one person sees their own use.'),
    name: z.string().min(1).max(512).describe('The name in the credential: `@alice:example.org`.'),
    homeserver: z
      .string()
      .max(256)
      .exactOptional()
      .describe('The homeserver that the person is a user of, where it is not in the name; "" for `users`.'),
    ttl: ttl(LONGEST_USAGE_LINK, 86_400),
  }),
])

/** Everything that the API can be asked, below /api/v1. */
export const ENDPOINTS: readonly ApiEndpoint[] = [
  ...TEST_ENDPOINTS,
  NOTIFY_TEST,
  ...SIGN_IN_ENDPOINTS,
  ...CHANGE_ENDPOINTS,
  ...EXPORT_ENDPOINTS,
  ...BAN_ENDPOINTS,
  ...USAGE_ENDPOINTS,
  ...OWN_ENDPOINTS,
  ...BUDGET_ENDPOINTS,
  {
    method: 'GET',
    path: '/status',
    needs: 'read',
    summary: 'The relay as a whole.',
    answers: statusShape,
    answer: async (_, { control }) => okAnswer(await control.status()),
  },
  {
    method: 'GET',
    path: '/sessions',
    needs: 'read',
    summary: 'The allocations, the busiest first. May take a second where nobody has looked of late.',
    query: {
      homeserver: 'Only those of this homeserver.',
      user: 'Only those of this user, by pseudonym.',
      transport: 'Only those whose client came by this transport.',
      limit: 'At most so many; 500 unless told, 20000 at most.',
    },
    answers: sessionsShape,
    answer: sessions,
  },
  {
    method: 'GET',
    path: '/sessions/{id}',
    needs: 'read',
    summary: 'One allocation.',
    answers: sessionShape,
    answer: async ({ params }, { control }) => {
      const session = await control.session(params.id!)
      return session ? okAnswer(session) : noSession()
    },
  },
  {
    method: 'GET',
    path: '/history',
    needs: 'read',
    summary: 'Traffic of the last ten minutes by the second and of the last day by the minute.',
    answers: historyShape,
    answer: (_, { control }) => okAnswer(control.history()),
  },
  {
    method: 'GET',
    path: '/history/hours',
    needs: 'read',
    summary: 'Traffic by the hour for 400 days, across restarts. Of the sessions, the most in that hour.',
    answers: seriesShape,
    answer: (_, { control }) => okAnswer(control.hours()),
  },
  {
    method: 'GET',
    path: '/configuration',
    needs: 'read',
    summary: 'The settings in force, without secrets.',
    answers: configurationShape,
    answer: (_, { control }) => okAnswer(control.configuration()),
  },
  {
    method: 'GET',
    path: '/access-log',
    needs: 'read',
    summary: 'Who looked at personal data or did something, oldest first.',
    query: { limit: 'The last so many; 100 unless told, 1000 at most.' },
    answers: accessShape,
    answer: async ({ query }, { log }) => {
      const limit = numberOf(query, 'limit', 100, 1000)
      return limit === undefined ? badNumber('limit') : okAnswer({ entries: await log.read(limit) })
    },
  },
  {
    method: 'POST',
    path: '/sessions/{id}/disconnect',
    needs: 'act',
    act: 'disconnect',
    summary: 'Ends an allocation.',
    answers: endedShape,
    answer: ({ visitor, params }, desk) => {
      const done = desk.control.disconnect(params.id!)
      note(desk, visitor, 'disconnect', done ? 'done' : 'failed', `session ${params.id}`)
      return done ? okAnswer({ ended: 1 }) : noSession()
    },
  },
  {
    method: 'POST',
    path: '/users/{pseudonym}/disconnect',
    needs: 'act',
    act: 'disconnect',
    summary: 'Ends all allocations of a user.',
    answers: endedShape,
    answer: async ({ visitor, params }, desk) => {
      const ended = await desk.control.disconnectUser(params.pseudonym!)
      note(desk, visitor, 'disconnect', ended > 0 ? 'done' : 'failed', `user ${params.pseudonym}`)
      return ended > 0 ? okAnswer({ ended }) : fault(404, 'noUser')
    },
  },
  {
    method: 'POST',
    path: '/users/find',
    needs: 'act',
    act: 'find',
    summary: 'The pseudonym of a user by name; one line of the access log.',
    body: nameAsked,
    answers: foundShape,
    answer: find,
  },
  {
    method: 'POST',
    path: '/names',
    needs: 'act',
    act: 'names',
    summary:
      'Who is behind pseudonyms and sessions; every look is a line of the access log, with all that it names.',
    body: namesAsked,
    answers: namesShape,
    answer: names,
  },
  {
    method: 'POST',
    path: '/drain',
    needs: 'act',
    act: 'drain',
    summary: 'Takes no new allocation any more, and ends the relay with the last one.',
    answers: drainingShape,
    answer: async ({ visitor }, desk) => {
      const { allocations } = await desk.control.status()
      note(desk, visitor, 'drain', 'done')
      // A relay without allocations ends at once, and the caller should hear of it first.
      return {
        ...okAnswer({ draining: true, allocations: allocations.live }),
        after: () => desk.control.drain(),
      }
    },
  },
  {
    method: 'POST',
    path: '/drain/cancel',
    needs: 'act',
    act: 'cancel-drain',
    summary:
      'Takes new allocations again. `cancelled` is false where the relay is not draining; a relay that stops cannot be kept.',
    answers: cancelledShape,
    answer: ({ visitor }, desk) => {
      const cancelled = desk.control.cancelDrain()
      note(desk, visitor, 'cancel-drain', cancelled ? 'done' : 'failed')
      return okAnswer({ cancelled })
    },
  },
  {
    method: 'POST',
    path: '/reload',
    needs: 'act',
    act: 'reload',
    summary:
      'Reads the configuration again. A broken one changes nothing, and the answer says why; a relay that drains or stops reads nothing (`refused`).',
    answers: reloadedShape,
    answer: async ({ visitor, language }, desk) => {
      const reloaded = await desk.control.reload(language)
      note(desk, visitor, 'reload', reloaded.ok ? 'done' : 'failed')
      return okAnswer(reloaded)
    },
  },
  {
    method: 'POST',
    path: '/upgrade',
    needs: 'act',
    act: 'upgrade',
    summary:
      'Starts a new process with the program and the configuration as they are on disk now, which takes over all calls; takes seconds. Where it fails, everything goes on as before, and the answer says why.',
    answers: upgradedShape,
    answer: async ({ visitor, language }, desk) => {
      const upgraded = await desk.control.upgrade(language)
      note(desk, visitor, 'upgrade', upgraded.ok ? 'done' : 'failed')
      return { ...okAnswer(upgraded), after: () => desk.control.upgradeTold() }
    },
  },
  {
    method: 'POST',
    path: '/links',
    needs: 'act',
    act: 'link',
    summary:
      "Makes a link: into the console for a while, by the control socket only; to the test page, for one test or a few; or to the page about one person's use.",
    body: linkAsked,
    answers: linkShape,
    answer: link,
  },
]

async function sessions({ query }: Call, { control }: Desk) {
  const limit = numberOf(query, 'limit', 500, 20_000)
  if (limit === undefined) return badNumber('limit')
  const asked = (key: 'homeserver' | 'user' | 'transport') => query.get(key) ?? undefined
  return okAnswer(
    await control.findSessions({
      most: limit,
      homeserver: asked('homeserver'),
      user: asked('user'),
      transport: asked('transport'),
    }),
  )
}

/** Written down before it is told: who may ask for a name learns whether that person is here. */
async function find(call: Call, desk: Desk) {
  const { visitor } = call
  const read = readAs(nameAsked, call)
  if (!read.ok) return read.error
  const asked = read.value
  const user = await desk.control.pseudonymOf(asked.name)
  const isWritten = note(desk, visitor, 'find', 'done', user === undefined ? 'nobody' : `user ${user}`)
  return isWritten ? okAnswer(user === undefined ? {} : { user }) : fault(503, 'notLogged')
}

/** Names are written down before they are told; what cannot be written down is not told. */
async function names(call: Call, desk: Desk) {
  const { visitor } = call
  const read = readAs(namesAsked, call)
  if (!read.ok) return read.error
  const asked = read.value
  const found = await desk.control.reveal(asked.users, asked.sessions)
  const users = Object.keys(found.users)
  const sessions = Object.keys(found.sessions)
  const targets = [...users.map(user => `user ${user}`), ...sessions.map(id => `session ${id}`)]
  if (targets.length === 0) return okAnswer(found)
  // One look is one line, however many it names, so that it does not bury the others.
  const isOne = targets.length === 1
  const on = isOne ? targets[0]! : `users: ${users.length}, sessions: ${sessions.length}`
  if (!note(desk, visitor, 'names', 'done', on, isOne ? undefined : targets)) return fault(503, 'notLogged')
  return okAnswer(found)
}

function link(call: Call, desk: Desk) {
  const { visitor } = call
  const read = readAs(linkAsked, call)
  if (!read.ok) return read.error
  const asked = read.value
  const url = desk.url()
  if (url === undefined) {
    note(desk, visitor, 'link', 'failed')
    return fault(409, 'notServed')
  }
  if (asked.kind === 'test') {
    if (!desk.tests) return fault(404, 'noTests')
    const { code, expires } = desk.tests.link(asked.ttl, asked.uses)
    note(desk, visitor, 'link', 'done', `test, ${asked.uses}`)
    return okAnswer({ url: `${url}/test#${code}`, expires })
  }
  if (asked.kind === 'usage') return usageLink(asked, url, call, desk)
  if (visitor.from !== 'socket') {
    note(desk, visitor, 'link', 'refused', 'console')
    return fault(403, 'onlySocket')
  }
  const { token, expires } = desk.tokens.link(asked.rights, asked.ttl)
  note(desk, visitor, 'link', 'done', `console, ${asked.rights}`)
  // What stands behind # does not leave the browser, so no server writes it down.
  return okAnswer({ url: `${url}/#token=${token}`, expires })
}

/** Who has the link sees personal data, so it is written down for whom it was made, and not made otherwise. */
function usageLink(
  { name, homeserver, ttl }: Extract<z.output<typeof linkAsked>, { kind: 'usage' }>,
  url: string,
  { visitor }: Call,
  desk: Desk,
) {
  const { own, ledger } = desk
  if (!own) return fault(404, 'own.none')
  const tenant = own.homeserverOf(name, homeserver)
  if (tenant === undefined) return fault(400, 'own.homeserver')
  const called = ledger?.identitiesOf(name).at(-1)
  if (!note(desk, visitor, 'link', 'done', `usage, user ${called}`)) return fault(503, 'notLogged')
  const { token, expires } = own.link({ tenant, user: name }, ttl)
  return okAnswer({ url: `${url}/usage#${token}`, expires })
}

function numberOf(query: URLSearchParams, key: string, otherwise: number, most: number): number | undefined {
  const text = query.get(key)
  if (text === null) return otherwise
  const value = /^[0-9]{1,6}$/.test(text) ? Number(text) : 0
  return value >= 1 && value <= most ? value : undefined
}

function badNumber(key: string) {
  return fault(400, 'number', { key })
}

function noSession() {
  return fault(404, 'noSession')
}
