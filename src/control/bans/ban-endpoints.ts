import { z } from 'zod'
import { compare, formatRange, knownRange, networkOf, parseRange, type Range } from '../../base/range.ts'
import { failed, type Result, succeeded } from '../../base/result.ts'
import { type ApiAnswer, fault, okAnswer } from '../answer.ts'
import { type ApiEndpoint, type Call, type Desk, note, readAs } from '../call.ts'
import { bannedShape, bansShape, liftedShape } from '../shapes.ts'

/** Seconds: at least a minute, at most a year. */
const SHORTEST = 60
const LONGEST = 366 * 86_400
/** Bits of the widest network that can be banned: a slip of the finger must not ban everybody. */
const WIDEST = { 4: 8, 6: 16 } as const

const networkAsked = z.string().max(100).describe('An address or a network: `203.0.113.7`, `2001:db8::/48`.')
const banAsked = z.strictObject({
  network: networkAsked.exactOptional(),
  session: z
    .string()
    .max(32)
    .exactOptional()
    .describe('Instead: the id of a session. Its IPv4 address is banned, or its IPv6 /64.'),
  seconds: z.int().min(SHORTEST).max(LONGEST).default(86_400).describe('How long.'),
  reason: z.string().max(200).exactOptional().describe('A note for colleagues.'),
})
const unbanAsked = z.strictObject({ network: networkAsked })

/** Bans of client networks. They name addresses, so looking at them needs the right to act, too. */
export const BAN_ENDPOINTS: readonly ApiEndpoint[] = [
  {
    method: 'GET',
    path: '/bans',
    needs: 'act',
    act: 'bans',
    summary: 'The networks that are banned now; a line of the access log, as they name addresses.',
    answers: bansShape,
    answer: async ({ visitor }, desk) => {
      note(desk, visitor, 'bans', 'done')
      return okAnswer({ bans: await desk.control.bans.list() })
    },
  },
  {
    method: 'POST',
    path: '/bans',
    needs: 'act',
    act: 'ban',
    summary: 'Bans a network for a while, whatever the configuration says, and ends its sessions.',
    body: banAsked,
    answers: bannedShape,
    answer: ban,
  },
  {
    method: 'POST',
    path: '/bans/lift',
    needs: 'act',
    act: 'unban',
    summary: 'Lifts a ban.',
    body: unbanAsked,
    answers: liftedShape,
    answer: unban,
  },
]

async function ban(call: Call, desk: Desk): Promise<ApiAnswer> {
  const { visitor } = call
  const asked = readAs(banAsked, call)
  if (!asked.ok) return asked.error
  const { network, session, seconds, reason } = asked.value
  if ((network === undefined) === (session === undefined)) return fault(400, 'ban.whom')
  const read = network === undefined ? succeeded(session!) : readNetwork(network)
  if (!read.ok) return read.error
  const whom = read.value
  const done = await desk.control.bans.ban({ whom, seconds, reason, by: visitor.who })
  note(desk, visitor, 'ban', done.ok ? 'done' : 'failed', `for ${seconds} s`)
  if (done.ok) return okAnswer(done.value)
  return done.error === 'no-session' ? fault(404, 'noSession') : fault(409, 'ban.tooMany')
}

async function unban(call: Call, desk: Desk): Promise<ApiAnswer> {
  const { visitor } = call
  const asked = readAs(unbanAsked, call)
  if (!asked.ok) return asked.error
  const { network } = asked.value
  const read = parseRange(network.trim())
  if (!read.ok) return notANetwork(network, read.error)
  const range = read.value
  const isLifted = desk.control.bans.unban(range)
  note(desk, visitor, 'unban', isLifted ? 'done' : 'failed')
  if (isLifted) return okAnswer({ lifted: formatRange(range) })
  const touching = (await desk.control.bans.touching(range)).slice(0, 5).map(formatRange)
  const values = { network: formatRange(range), networks: touching.join(', ') }
  return fault(404, touching.length === 0 ? 'ban.none' : 'ban.touching', values)
}

function readNetwork(text: string): Result<Range, ApiAnswer> {
  const read = parseRange(text.trim())
  if (!read.ok) return failed(notANetwork(text, read.error))
  const range = read.value
  const bits = WIDEST[range.family]
  const isWide = range.from.subarray(0, bits / 8).some((octet, i) => octet !== range.to[i])
  if (!isWide && !holdsAllIp4(range)) return read
  return failed(fault(400, 'ban.wide', { network: formatRange(range), bits }))
}

/** Whether it is IPv6 in name only: all of IPv4 as `::ffff:a.b.c.d`, and as IPv6 nobody's. */
function holdsAllIp4({ from, to }: Range): boolean {
  return from.length === 16 && compare(from, MAPPED.from) <= 0 && compare(MAPPED.to, to) <= 0
}

const MAPPED = knownRange('::ffff:0:0/96')

function notANetwork(given: string, why: string): ApiAnswer {
  const network = why === 'host-bits' ? networkOf(given.trim()) : undefined
  return network
    ? fault(400, 'ban.meant', { given, network: formatRange(network) })
    : fault(400, 'ban.network', { given })
}
