import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { RULES } from './prometheus.ts'

const DASHBOARD = join(import.meta.dirname, '../../deploy/grafana/taciturn.json')

interface Panel {
  readonly title: string
  readonly targets?: readonly { readonly expr: string }[]
}

/** A query of the dashboard, with the variables filled in as Grafana would. */
export interface DashboardQuery {
  readonly panel: string
  readonly expression: string
}

export function dashboardQueries(): DashboardQuery[] {
  const { panels } = JSON.parse(readFileSync(DASHBOARD, 'utf8')) as { panels: readonly Panel[] }
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({
      panel: title,
      expression: expr
        .replaceAll('$__rate_interval', '30s')
        .replaceAll('$job', 'taciturn')
        .replaceAll('$instance', '.*'),
    })),
  )
}

/** The names and expressions of the alerts. */
export function alertRules(): { readonly alert: string; readonly expr: string }[] {
  const { groups } = parse(readFileSync(RULES, 'utf8')) as {
    groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[]
  }
  return groups.flatMap(group => [...group.rules])
}

/** The names of our metrics, and of those of the process, in an expression. */
export function metricNames(expression: string): string[] {
  return [...new Set(expression.match(/\b(?:taciturn|process|nodejs)_[a-z0-9_]+/g) ?? [])]
}
