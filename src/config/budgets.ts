import type { ConfigReport } from './messages/report.ts'
import type { Settings } from './settings.ts'

/** Budgets need the ledger, and name homeservers that there are, each once. */
export function checkBudgets(
  { budgets, ledger, homeservers }: Settings,
  report: ConfigReport,
  broken: ReadonlySet<string>,
): void {
  const { perUser, groups, total, slowTo } = budgets
  const needsUsers = perUser !== undefined || groups.length > 0
  const isUsed = needsUsers || total !== undefined || budgets.homeservers.length > 0
  if (isUsed && !ledger) report.error(['budgets'], 'budgets-ledger')
  if (needsUsers && ledger && ledger.identities === 'none')
    report.error(['ledger', 'identities'], 'budgets-identities')
  if (!Number.isFinite(slowTo)) report.error(['budgets', 'slowTo'], 'budgets-slow')
  for (const [list, names] of [
    ['groups', groups.map(({ name }) => name)],
    ['homeservers', budgets.homeservers.map(({ name }) => name)],
  ] as const) {
    for (const [i, given] of names.entries())
      if (names.indexOf(given) < i) report.error(['budgets', list, i, 'name'], 'budgets-twice', { given })
  }
  if (broken.has('homeservers')) return
  const isKnown = (name: string | undefined) =>
    name === undefined || homeservers.some(one => one.name === name)
  for (const [i, { name: given }] of budgets.homeservers.entries())
    if (!isKnown(given)) report.error(['budgets', 'homeservers', i, 'name'], 'budgets-homeserver', { given })
  for (const [i, { homeserver: given }] of groups.entries())
    if (!isKnown(given) && given !== undefined)
      report.error(['budgets', 'groups', i, 'homeserver'], 'budgets-homeserver', { given })
}
