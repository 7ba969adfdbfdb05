import type { z } from 'zod'
import type { Plain } from '../base/plain.ts'
import type * as shape from './shapes.ts'
import type * as signIn from './sign-in/sign-in-shapes.ts'
import type * as test from './tests/test-shapes.ts'
import type * as budget from './usage/budget-shapes.ts'
import type * as own from './usage/own-shapes.ts'
import type * as usage from './usage/usage-shapes.ts'

/*
 * What an operator sees of a running relay, as types: what the API answers
 * with, what the live feed sends and what the console draws. Every field is
 * described in `shapes.ts` and `tests/test-shapes.ts`.
 */

type View<T extends z.ZodType> = Plain<z.output<T>>

export type TrafficView = View<typeof shape.trafficShape>
export type Status = View<typeof shape.statusShape>
export type HomeserverView = Status['homeservers'][number]
export type SessionView = View<typeof shape.sessionShape>
export type SessionList = View<typeof shape.sessionsShape>
export type History = View<typeof shape.seriesShape>
export type HistoryPoint = View<typeof shape.pointShape>
export type HistoryView = View<typeof shape.historyShape>
export type NamesView = View<typeof shape.namesShape>
export type FoundView = View<typeof shape.foundShape>
export type BanView = View<typeof shape.bansShape>['bans'][number]
export type BansView = View<typeof shape.bansShape>
export type BannedView = View<typeof shape.bannedShape>
export type NotifiedView = View<typeof shape.notifiedShape>
export type Reloaded = View<typeof shape.reloadedShape>
export type Upgraded = View<typeof shape.upgradedShape>
export type ChangeView = View<typeof shape.changeShape>
export type ChangesView = View<typeof shape.changesShape>
export type ChangeAsked = View<typeof shape.changeAskedShape>
export type LinkView = View<typeof shape.linkShape>
export type AccessEntry = View<typeof shape.entryShape>
/** Every answer of the API that is not a success. */
export type ApiError = View<typeof shape.errorShape>
export type FeedHello = View<typeof shape.helloShape>

export type UsageList = View<typeof usage.usageShape>
export type UsageExport = View<typeof usage.usageExportShape>
export type BudgetsView = View<typeof budget.budgetsShape>
export type BudgetUsersView = View<typeof budget.budgetUsersShape>
export type OwnUsage = View<typeof own.ownUsageShape>
export type UsageUsers = View<typeof usage.usageUsersShape>

export type SignInInfo = View<typeof signIn.signInInfoShape>
export type SignInsView = View<typeof signIn.signInsShape>

export type TestStart = View<typeof test.testStartShape>
export type TestWay = View<typeof test.testWayShape>
export type TestView = View<typeof test.testViewShape>
export type TestCode = View<typeof test.testCodeShape>
export type TestLeft = View<typeof test.testLeftShape>
export type TestMeasured = View<typeof test.testMeasuredShape>
export type TestResult = View<typeof test.testResultShape>

/** What the live feed sends, each as one text message of JSON. */
export type FeedMessage =
  | {
      readonly type: 'snapshot'
      /** Changes with every start of the relay; a `seq` means nothing under another epoch. */
      readonly epoch: string
      readonly seq: number
      readonly rights: 'read' | 'act'
      readonly status: Status
      /** The busiest first; at most 500. */
      readonly sessions: readonly SessionView[]
      /** Sessions that are not in the list. */
      readonly more: number
      readonly history: HistoryView
    }
  | {
      readonly type: 'delta'
      readonly seq: number
      /** Of the top level, only what has changed. */
      readonly status: Partial<Status>
      readonly opened: readonly SessionView[]
      /** Of each session, only what has changed, and its id. */
      readonly changed: readonly (Partial<SessionView> & { readonly id: string })[]
      readonly closed: readonly string[]
      readonly more: number
      /** The point for this second. */
      readonly point: HistoryPoint
    }
  /** The last message, and why. */
  | ({ readonly type: 'refused' } & ApiError)
