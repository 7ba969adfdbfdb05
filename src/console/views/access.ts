import type { AccessEntry } from '../../control/view.ts'
import { failureText } from '../api.ts'
import type { ConsoleContext, View } from '../context.ts'
import { h, setText } from '../parts/dom.ts'
import { Table } from '../parts/table.ts'

/** Who looked at personal data or did something: what an association shows to its members. */
export class Access implements View {
  readonly element: HTMLElement
  readonly #context: ConsoleContext
  readonly #table: Table<AccessEntry>
  readonly #state = h('p', { class: 'quiet', role: 'status' })

  constructor(context: ConsoleContext) {
    this.#context = context
    const { words } = context
    const { say, format } = words
    const known = (key: string, word: string) => (words.knows(key) ? say(key) : word)
    this.#table = new Table<AccessEntry>(words, {
      caption: say('nav.access'),
      key: ({ at, who, what, on, outcome }) => [at, who, what, on, outcome].join(' '),
      sort: { column: 'at', descending: true },
      empty: say('access.empty'),
      columns: [
        {
          name: 'at',
          title: say('column.when'),
          head: true,
          sort: ({ at }) => at,
          text: ({ at }) => format.dateTime(Date.parse(at)),
        },
        { name: 'who', title: say('column.who'), sort: ({ who }) => who, text: ({ who }) => who },
        {
          name: 'from',
          title: say('column.from'),
          sort: ({ from }) => from,
          text: ({ from }) => known(`access.from.${from}`, from),
        },
        {
          name: 'what',
          title: say('column.what'),
          sort: ({ what }) => what,
          text: ({ what }) => known(`access.what.${what}`, what),
        },
        { name: 'on', title: say('column.on'), text: ({ on }) => on ?? '–' },
        {
          name: 'outcome',
          title: say('column.outcome'),
          sort: ({ outcome }) => outcome,
          text: ({ outcome }) => known(`access.outcome.${outcome}`, outcome),
        },
      ],
    })
    this.element = h(
      'div',
      {},
      h('p', { class: 'lead' }, say('access.lead')),
      h('p', {}, h('button', { type: 'button', onclick: () => void this.#load() }, say('access.again'))),
      this.#state,
      this.#table.element,
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
      const { entries } = await api.get<{ entries: readonly AccessEntry[] }>('access-log?limit=500')
      this.#table.update(entries)
      setText(this.#state, words.count('access.entries', entries.length))
    } catch (error) {
      setText(this.#state, words.say('act.failed', { why: failureText(error, words) }))
    }
  }
}
