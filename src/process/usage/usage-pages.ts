import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Settings } from '../../config/settings.ts'
import { Sealed } from '../../control/sign-in/sealed.ts'
import { UsagePages } from '../../control/usage/usage-pages.ts'
import type { Budgets } from '../../ledger/budgets/budgets.ts'
import { OwnLimits } from '../../ledger/budgets/own-limits.ts'
import type { UsageLedger } from '../../ledger/ledger.ts'
import type { Log } from '../../log/log.ts'
import { monotonicClock, wallTime } from '../../system/clock.ts'
import { writeKept } from '../../system/kept-file.ts'
import { readOwn } from '../../system/own-file.ts'
import { MonthlyCosts } from './monthly-costs.ts'

/** Octets of the key that links are sealed with. */
const KEY = 32

/** What is kept of use. */
interface UsageBooks {
  readonly ledger: UsageLedger | undefined
  readonly budgets: Budgets | undefined
  readonly own: OwnLimits | undefined
}

/** The limits that people have set for themselves; undefined where the ledger does not tell them apart. */
export function ownLimitsOf(
  { ledger, state }: Settings,
  identitiesOf: (user: string) => readonly string[],
  log: Log,
): OwnLimits | undefined {
  if (!ledger || ledger.identities === 'none') return undefined
  const file = join(state, 'own-limits.jsonl')
  const failed = (why: string) =>
    log.limited('own-limits', 'warn', 'limits that people set for themselves cannot be read or kept', () => ({
      file,
      why,
    }))
  return new OwnLimits({ file, identitiesOf, failed })
}

/** The pages about one's own use; undefined where users are not told apart. */
export function usagePagesOf(
  settings: { readonly current: Settings },
  { ledger, budgets, own }: UsageBooks,
  log: Log,
): UsagePages | undefined {
  if (!ledger || !budgets || !own) return undefined
  const file = join(settings.current.state, 'usage-links.key')
  const costs = new MonthlyCosts(settings, ledger)
  return new UsagePages({
    sealed: new Sealed(wallTime, () => keyOf(file, log)),
    ledger,
    budgets: {
      ownOf: owner => own.of(owner),
      setOwn: (owner, month) => budgets.setOwn(owner, month),
      perUser: () => budgets.perUser,
      paidBy: owner => budgets.paidBy(owner),
      limitsOf: user => own.ofUser(user),
      forget: user => own.forget(user),
      clear: () => own.clear(),
    },
    costs: now => costs.of(now),
    homeservers: () => settings.current.homeservers.map(({ name }) => name),
    now: () => monotonicClock.now(),
    date: wallTime,
  })
}

/** The key of links, which outlives the process as they do. Where it cannot be kept, links end with the process. */
function keyOf(file: string, log: Log): Buffer {
  const fresh = randomBytes(KEY)
  try {
    const own = readOwn(file)
    const key = own.ok ? Buffer.from(own.value.trim(), 'hex') : undefined
    if (key?.length === KEY) return key
    log.warn(
      'the key of links to pages about use is damaged or belongs to another user; links end with the relay',
      {
        file,
      },
    )
    return fresh
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT') {
      log.warn('the key of links to pages about use cannot be read; links end with the relay', { file, code })
      return fresh
    }
  }
  try {
    writeKept(file, `${fresh.toString('hex')}\n`)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    log.warn('the key of links to pages about use cannot be kept; links end with the relay', { file, code })
  }
  return fresh
}
