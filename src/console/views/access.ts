import type { AccessEntry, SignInsView } from '../../control/view.ts'
import { act } from '../acts.ts'
import { failureText } from '../api.ts'
import type { ConsoleContext, View } from '../context.ts'
import { h, setText } from '../parts/dom.ts'
import { type Column, Table } from '../parts/table.ts'

type SignInRow = SignInsView['signIns'][number]

/** Who looked at personal data or did something: what an association shows to its members. */
export class Access implements View {
  readonly element: HTMLElement
  readonly #context: ConsoleContext
  readonly #table: Table<AccessEntry>
  readonly #signIns: Table<SignInRow>
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
    this.#signIns = new Table<SignInRow>(words, {
      caption: say('sign-ins'),
      key: ({ id }) => id,
      empty: say('sign-ins.none'),
      columns: this.#signInColumns(),
    })
    this.element = h(
      'div',
      {},
      h(
        'section',
        { 'aria-labelledby': 'sign-ins' },
        h('h2', { id: 'sign-ins' }, say('sign-ins')),
        h('p', { class: 'lead' }, say('sign-ins.lead')),
        this.#signIns.element,
      ),
      h(
        'section',
        { 'aria-labelledby': 'access' },
        h(
          'div',
          { class: 'head' },
          h('h2', { id: 'access' }, say('nav.access')),
          h('button', { type: 'button', onclick: () => void this.#load() }, say('access.again')),
        ),
        h('p', { class: 'lead' }, say('access.lead')),
        this.#state,
        this.#table.element,
      ),
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
      this.#signIns.update((await api.get<SignInsView>('sign-ins')).signIns)
      const { entries } = await api.get<{ entries: readonly AccessEntry[] }>('access-log?limit=500')
      this.#table.update(entries)
      setText(this.#state, words.count('access.entries', entries.length))
    } catch (error) {
      setText(this.#state, words.say('act.failed', { why: failureText(error, words) }))
    }
  }

  #signInColumns(): Column<SignInRow>[] {
    const { words, store } = this.#context
    const { say, format } = words
    return [
      {
        name: 'who',
        title: say('column.who'),
        head: true,
        text: ({ who, own }) => (own ? say('sign-ins.own', { who }) : who),
      },
      { name: 'by', title: say('column.from'), text: ({ by }) => say(`sign-ins.${by}`) },
      { name: 'rights', title: say('column.rights'), text: ({ rights }) => say(`rights.${rights}`) },
      { name: 'made', title: say('column.when'), text: ({ made }) => format.dateTime(made) },
      { name: 'expires', title: say('column.until'), text: ({ expires }) => format.dateTime(expires) },
      ...(store.rights === 'act' ? [this.#revokeColumn()] : []),
    ]
  }

  #revokeColumn(): Column<SignInRow> {
    const { say } = this.#context.words
    return {
      name: 'act',
      title: say('column.act'),
      draw: (cell, { id, who }) => {
        if (cell.firstChild) return
        const label = say('act.revoke')
        const press = () =>
          void act(
            this.#context,
            {
              title: say('revoke.title', { who }),
              text: say('revoke.text'),
              act: say('act.revoke'),
              danger: true,
            },
            `sign-ins/${encodeURIComponent(id)}/revoke`,
            () => say('revoke.done', { who }),
          )
        cell.append(h('button', { type: 'button', onclick: press, 'aria-label': `${label}: ${who}` }, label))
      },
    }
  }
}
