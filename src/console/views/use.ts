import type { BudgetsView, BudgetUsersView, UsageList } from '../../control/view.ts'
import { ApiFailure, failureText } from '../api.ts'
import type { ConsoleContext, View } from '../context.ts'
import { dayBars } from '../parts/day-bars.ts'
import { h, setText, setWidth } from '../parts/dom.ts'
import { Table } from '../parts/table.ts'
import { type ConsoleWords, wordsOf } from '../words.ts'

const DAYS = 30
const DAY = 86_400
const WARNED = 0.8

type Sum = UsageList['rows'][number]
type NearUser = BudgetUsersView['users'][number]

/** What was used, by day and by homeserver, and what is left of budgets. */
export class Use implements View {
  readonly element: HTMLElement
  readonly #context: ConsoleContext
  /** Dates of the ledger are those of UTC. */
  readonly #utc: ConsoleWords
  readonly #state = h('p', { class: 'quiet', role: 'status' })
  readonly #budgets = h('ul', { class: 'bars amounts' })
  readonly #users = h('p')
  readonly #near: Table<NearUser>
  readonly #chart = h('div')
  readonly #days: Table<Sum>
  readonly #homeservers: Table<Sum>

  constructor(context: ConsoleContext) {
    this.#context = context
    const { words } = context
    const { say } = words
    this.#utc = wordsOf(words.language, 'UTC')
    const { format } = this.#utc
    this.#near = this.#nearTable()
    this.#near.element.hidden = true
    this.#days = sumTable(words, say('use.days'), {
      title: say('use.day'),
      text: ({ start }) => format.date(start * 1000),
    })
    this.#homeservers = sumTable(words, say('use.homeservers'), {
      title: say('column.homeserver'),
      text: ({ homeserver }) => homeserver || '–',
    })
    const section = (id: string, title: string, ...content: readonly Node[]) =>
      h('section', { 'aria-labelledby': id }, h('h2', { id }, title), ...content)
    this.element = h(
      'div',
      {},
      this.#state,
      section(
        'use-budgets',
        say('use.budgets'),
        this.#budgets,
        this.#users,
        h('button', { type: 'button', onclick: () => void this.#showNear() }, say('use.near.show')),
        this.#near.element,
      ),
      section(
        'use-days',
        say('use.days'),
        this.#chart,
        h('details', {}, h('summary', {}, say('use.table')), this.#days.element),
      ),
      section('use-homeservers', say('use.homeservers'), this.#homeservers.element),
    )
  }

  open(): void {
    void this.#load()
  }

  update(): void {}

  async #load(): Promise<void> {
    const { api, words } = this.#context
    setText(this.#state, words.say('loading'))
    try {
      this.#drawBudgets(await api.get<BudgetsView>('budgets'))
      const days = await api.get<UsageList>('usage?by=day')
      const homeservers = await api.get<UsageList>('usage?by=all&per=homeserver')
      this.#drawDays(days.rows)
      this.#homeservers.update(homeservers.rows)
      setText(this.#state, '')
    } catch (error) {
      const isOff = error instanceof ApiFailure && error.status === 404
      setText(
        this.#state,
        isOff ? words.say('use.off') : words.say('act.failed', { why: failureText(error, words) }),
      )
    }
  }

  #drawBudgets({ budgets, users }: BudgetsView): void {
    const { words } = this.#context
    const { say, format } = words
    const lines = budgets.map(({ kind, name, span, used, limit }) => {
      const share = used / limit
      const bar = h('span', { class: 'bar' })
      setWidth(bar, share)
      return h(
        'li',
        { 'data-level': share >= 1 ? 'bad' : share >= WARNED ? 'warn' : 'good' },
        h('span', {}, kind === 'everybody' ? say('use.everybody') : name),
        h('span', { class: 'track', 'aria-hidden': 'true' }, bar),
        h(
          'b',
          {},
          say(`use.of.${span}`, {
            used: format.bytes(used),
            limit: format.bytes(limit),
            share: format.percent(share),
          }),
        ),
      )
    })
    this.#budgets.replaceChildren(...lines)
    const none = budgets.length === 0 ? `${say('use.budgets.none')} ` : ''
    const { spent, warned, limited } = users
    setText(
      this.#users,
      `${none}${say('use.users', { spent: format.integer(spent), warned: format.integer(warned), limited: format.integer(limited) })}`,
    )
  }

  #drawDays(rows: readonly Sum[]): void {
    const { say } = this.#context.words
    const today = Math.floor(this.#now / DAY) * DAY
    const days = rows.map(row => ({ start: row.start, bytes: octetsOf(row) }))
    const first = today - (DAYS - 1) * DAY
    this.#chart.replaceChildren(
      dayBars({ first, count: DAYS, days, label: say('use.chart') }, this.#utc.format),
    )
    this.#days.update(rows)
  }

  /** By the relay's clock, in seconds since the epoch. */
  get #now(): number {
    return (this.#context.store.status?.at ?? 0) / 1000
  }

  /** A line of the access log, so only when it is asked for. */
  async #showNear(): Promise<void> {
    const { api, words } = this.#context
    try {
      this.#near.update((await api.get<BudgetUsersView>('budgets/users')).users)
      this.#near.element.hidden = false
    } catch (error) {
      this.#context.tell(words.say('act.failed', { why: failureText(error, words) }), 'bad')
    }
  }

  #nearTable(): Table<NearUser> {
    const { words } = this.#context
    const { say, format } = words
    return new Table<NearUser>(words, {
      caption: say('use.near'),
      key: ({ user, homeserver }) => `${homeserver} ${user}`,
      sort: { column: 'share', descending: true },
      empty: say('use.near.none'),
      columns: [
        { name: 'user', title: say('column.user'), head: true, text: ({ user }) => user || '–' },
        {
          name: 'homeserver',
          title: say('column.homeserver'),
          sort: ({ homeserver }) => homeserver,
          text: ({ homeserver }) => homeserver || '–',
        },
        {
          name: 'share',
          title: say('use.used'),
          number: true,
          sort: ({ used, limit }) => used / limit,
          text: ({ span, used, limit }) =>
            say(`use.of.${span}`, {
              used: format.bytes(used),
              limit: format.bytes(limit),
              share: format.percent(used / limit),
            }),
        },
      ],
    })
  }
}

/** A table of sums; the first column says of what. */
function sumTable(
  words: ConsoleWords,
  caption: string,
  of: { readonly title: string; text(row: Sum): string },
): Table<Sum> {
  const { say, format } = words
  const count = (name: 'allocations' | 'refusals', title: string) => ({
    ...{ name, title, number: true },
    sort: (row: Sum) => row[name],
    text: (row: Sum) => format.integer(row[name]),
  })
  return new Table<Sum>(words, {
    caption,
    key: row => `${row.start} ${row.homeserver ?? ''}`,
    empty: say('use.none'),
    columns: [
      { name: 'of', head: true, ...of },
      {
        name: 'bytes',
        title: say('use.used'),
        number: true,
        sort: octetsOf,
        text: row => format.bytes(octetsOf(row)),
      },
      count('allocations', say('use.sessions')),
      {
        name: 'hours',
        title: say('use.hours'),
        number: true,
        sort: ({ milliseconds }) => milliseconds,
        text: ({ milliseconds }) => format.decimal(milliseconds / 3_600_000, 1),
      },
      count('refusals', say('use.refusals')),
    ],
  })
}

function octetsOf({ bytesToPeer, bytesToClient }: Sum): number {
  return bytesToPeer + bytesToClient
}
