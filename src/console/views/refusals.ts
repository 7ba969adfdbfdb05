import type { ConsoleContext, View } from '../context.ts'
import { csvButton } from '../parts/csv-button.ts'
import { h, setAttribute, setText } from '../parts/dom.ts'
import { Table } from '../parts/table.ts'
import { explainReason, type ReasonTable } from '../reasons.ts'
import type { TextKey } from '../words.ts'

interface Line {
  readonly word: string
  readonly lastMinute: number
  readonly total: number
}

const TABLES: readonly ReasonTable[] = ['rejected', 'dropped', 'closed']

/** What the relay rejected and why, each reason in a sentence that an operator can act upon. */
export class Refusals implements View {
  readonly element: HTMLElement
  readonly #context: ConsoleContext
  readonly #tables = new Map<ReasonTable, Table<Line>>()

  constructor(context: ConsoleContext) {
    this.#context = context
    const { say } = context.words
    this.element = h('div')
    for (const name of TABLES) {
      const table = this.#table(name)
      this.#tables.set(name, table)
      this.element.append(
        h(
          'section',
          { 'aria-labelledby': `refusals-${name}` },
          h('h2', { id: `refusals-${name}` }, say(`refusals.${name}`)),
          h('p', { class: 'lead' }, say(`refusals.${name}.lead`)),
          table.element,
        ),
      )
    }
    this.element.append(csvButton(context, () => 'rejected.csv'))
  }

  update(): void {
    const { store } = this.#context
    for (const [name, table] of this.#tables) {
      const lines = Object.entries(store.status?.[name] ?? {})
        .filter(([, total]) => total > 0)
        .map(([word, total]) => ({ word, total, lastMinute: store.lastMinute(name, word) }))
      table.update(lines)
    }
  }

  #table(name: ReasonTable): Table<Line> {
    const { words } = this.#context
    const { say, format } = words
    return new Table(words, {
      caption: say(`refusals.${name}`),
      key: ({ word }) => word,
      sort: { column: 'total', descending: true },
      empty: say('refusals.none'),
      columns: [
        {
          name: 'reason',
          title: say('column.reason'),
          head: true,
          sort: ({ word }) => explainReason(name, word, words).title,
          draw: (cell, { word }) => {
            if (cell.firstChild) return
            const { title, meaning } = explainReason(name, word, words)
            cell.append(h('span', {}, title))
            if (meaning !== '') cell.append(h('small', {}, meaning))
          },
        },
        {
          name: 'kind',
          title: say('column.kind'),
          sort: ({ word }) => explainReason(name, word, words).kind,
          draw: (cell, { word }) => {
            if (cell.firstChild) return
            const { kind } = explainReason(name, word, words)
            cell.append(h('span', { class: `kind ${kind}` }, say(`kind.${kind}` as TextKey)))
          },
        },
        {
          name: 'minute',
          title: say('column.last-minute'),
          number: true,
          sort: ({ lastMinute }) => lastMinute,
          draw: (cell, { lastMinute }) => {
            setText(cell, format.integer(lastMinute))
            setAttribute(cell, 'data-moving', lastMinute > 0)
          },
        },
        {
          name: 'total',
          title: say('column.since-start'),
          number: true,
          sort: ({ total }) => total,
          text: ({ total }) => format.integer(total),
        },
      ],
    })
  }
}
