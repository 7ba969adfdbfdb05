import { messageOf } from '../base/stack.ts'
import { inOrder } from './check.ts'
import { AFTER, BEFORE, EACH } from './checks/all.ts'
import { Facts, type Subject } from './facts.ts'
import { type Finding, finding } from './finding.ts'
import { ranked, severityOf } from './rank.ts'
import { type CheckName, type Group, groupOf } from './severity.ts'
import type { Credential } from './turn-session.ts'

/** Endpoints that are tested at the same time. */
const AT_ONCE = 3
/** Milliseconds that one check may take; every wait inside has a shorter end of its own. */
const CHECK_TIME = 60_000
/** Milliseconds for the whole run. What is not done then is not begun any more. */
const ALL_TIME = 180_000

/** How far a run has come. */
export interface ExamineProgress {
  readonly done: number
  readonly total: number
  readonly group: Group
  /** The URI that is being tested; absent for what is looked at once. */
  readonly place?: string
}

/** What came of a run: findings, the cause first, and how the relay was. */
export interface Examination {
  readonly findings: readonly Finding[]
  /** `unreachable`: none of the URIs answered. `refused`: they did, but let us in nowhere. */
  readonly outcome: 'ok' | 'failed' | 'unreachable' | 'refused'
}

/** Runs every check that applies. Bounded in time; never rejects for what the world may do. */
export async function examine(
  subject: Subject,
  progress: (progress: ExamineProgress) => void = () => undefined,
): Promise<Examination> {
  const facts = new Facts(subject)
  const findings: Finding[] = []
  const deadline = performance.now() + ALL_TIME
  let done = 0
  let total = BEFORE.length + AFTER.length
  const attempt = async (
    name: CheckName,
    place: string | undefined,
    run: () => readonly Finding[] | Promise<readonly Finding[]>,
  ) => {
    progress({ done, total, group: groupOf(name), ...(place !== undefined && { place }) })
    findings.push(...(await guarded(name, Math.min(CHECK_TIME, deadline - performance.now()), run)))
    done++
  }
  facts.report = place => progress({ done, total, group: 'turn', place })

  for (const check of inOrder(BEFORE)) await attempt(check.name, undefined, () => check.run(facts))
  facts.credential ??= ownCredential(facts)
  if (facts.endpoints.length === 0) findings.push(finding('nothing-to-test'))
  else if (!facts.credential && !facts.base) findings.push(finding('no-credential'))
  total += facts.endpoints.length * EACH.length
  await eachAtMost(AT_ONCE, facts.endpoints, async endpoint => {
    try {
      for (const check of EACH) await attempt(check.name, endpoint.label, () => check.run(facts, endpoint))
    } finally {
      for (const session of endpoint.state.pair ?? []) await session.end()
    }
  })
  for (const check of AFTER) await attempt(check.name, undefined, () => check.run(facts))
  return { findings: ranked(withoutNothing(findings)), outcome: outcomeOf(findings, facts) }
}

/** Without a homeserver's credential: one made of what is known. */
function ownCredential(facts: Facts): Credential | undefined {
  const { user, secret, config } = facts.subject
  if (user) {
    facts.issuer = 'user'
    return user
  }
  const issued = facts.issue(3600)
  if (issued) {
    facts.issuer = secret && !config ? 'secret' : 'config'
    return issued
  }
  const fixed = config?.settings.users.find(({ password }) => password !== undefined)
  if (!fixed?.password) return undefined
  facts.issuer = 'user'
  return { username: fixed.name, password: fixed.password }
}

async function guarded(
  check: string,
  time: number,
  run: () => readonly Finding[] | Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  if (time <= 0) return [finding('check-failed', { check, detail: 'no time left' })]
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<readonly Finding[]>(resolve => {
    timer = setTimeout(() => resolve([finding('check-failed', { check, detail: 'no time left' })]), time)
  })
  try {
    return await Promise.race([run(), late])
  } catch (error) {
    return [finding('check-failed', { check, detail: messageOf(error) })]
  } finally {
    clearTimeout(timer)
  }
}

/** That nothing was tested needs no saying where it is said why. */
function withoutNothing(findings: readonly Finding[]): Finding[] {
  const hasReason = findings.some(one => one.id !== 'nothing-to-test' && severityOf(one) === 'error')
  return findings.filter(one => one.id !== 'nothing-to-test' || !hasReason)
}

function outcomeOf(findings: readonly Finding[], { endpoints }: Facts): Examination['outcome'] {
  if (!findings.some(one => severityOf(one) === 'error')) return 'ok'
  if (endpoints.length > 0 && endpoints.every(({ state }) => !state.reached)) return 'unreachable'
  const reached = endpoints.filter(({ state }) => state.reached)
  const isRefused =
    reached.length > 0 && reached.every(({ state }) => !state.allocated && state.refused !== undefined)
  return isRefused ? 'refused' : 'failed'
}

async function eachAtMost<T>(
  count: number,
  items: readonly T[],
  run: (item: T) => Promise<void>,
): Promise<void> {
  const left = [...items]
  const worker = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await run(item)
  }
  await Promise.all(Array.from({ length: Math.min(count, items.length) }, worker))
}
