import type { ChangesView, ChangeView } from '../../control/view.ts'
import { actButton, undoChange } from '../acts.ts'
import { failureText } from '../api.ts'
import { blockName, changeLimit, limitName } from '../change-acts.ts'
import type { ConsoleContext, View } from '../context.ts'
import { bansSection } from '../parts/bans.ts'
import { buttonColumn } from '../parts/button-column.ts'
import { h, newId, setText } from '../parts/dom.ts'
import { namesButton } from '../parts/names-button.ts'
import { personName } from '../parts/person.ts'
import { type Column, Table } from '../parts/table.ts'

type Limit = ChangesView['limits'][number]

/** Milliseconds after which it is asked for again. */
const LOAD_EVERY = 10_000

/** What has been changed over the configuration file, and what can be. */
export class ChangesPage implements View {
  readonly element: HTMLElement
  readonly #context: ConsoleContext
  readonly #changes: Table<ChangeView>
  readonly #limits: Table<Limit>
  readonly #state = h('p', { class: 'quiet', role: 'status' })
  readonly #names: { readonly element: HTMLElement; update(): void }
  readonly #filter: HTMLInputElement
  #view: ChangesView | undefined
  #loadedAt = performance.now()

  constructor(context: ConsoleContext) {
    this.#context = context
    const { words } = context
    const { say } = words
    this.#changes = new Table(words, {
      caption: say('changes.list'),
      columns: this.#changeColumns(),
      key: ({ id }) => id,
      sort: { column: 'at', descending: true },
      empty: say('changes.none'),
    })
    this.#limits = new Table<Limit>(words, {
      caption: say('changes.limits'),
      columns: this.#limitColumns(),
      key: limitName,
      empty: say('sessions.no-match'),
    })
    this.#names = namesButton(context)
    const filter = newId('filter')
    this.#filter = h('input', {
      id: filter,
      type: 'search',
      autocomplete: 'off',
      oninput: () => this.#draw(),
    })
    this.element = h(
      'div',
      {},
      h(
        'section',
        { 'aria-labelledby': 'changes-list' },
        h(
          'div',
          { class: 'head' },
          h('h2', { id: 'changes-list' }, say('changes.list')),
          this.#names.element,
        ),
        h('p', { class: 'lead' }, say('changes.lead')),
        this.#changes.element,
        h(
          'p',
          { class: 'acts' },
          actButton(context, say('act.block-name'), () => blockName(context)),
        ),
        this.#state,
      ),
      h(
        'section',
        { 'aria-labelledby': 'changes-limits' },
        h('h2', { id: 'changes-limits' }, say('changes.limits')),
        h('p', { class: 'lead' }, say('changes.limits.lead')),
        h(
          'div',
          { class: 'tools' },
          h('p', {}, h('label', { for: filter }, say('sessions.filter')), this.#filter),
        ),
        this.#limits.element,
      ),
      bansSection(context),
    )
    this.#limits.element.classList.add('keys')
  }

  open(): void {
    void this.#load()
  }

  /** Others may have changed something as well, so it is asked for again now and then. */
  update(): void {
    this.#names.update()
    if (performance.now() - this.#loadedAt >= LOAD_EVERY) void this.#load()
    this.#draw()
  }

  async #load(): Promise<void> {
    this.#loadedAt = performance.now()
    const { api, words } = this.#context
    try {
      this.#view = await api.get<ChangesView>('changes')
      setText(this.#state, '')
      this.#draw()
    } catch (error) {
      setText(this.#state, words.say('act.failed', { why: failureText(error, words) }))
    }
  }

  #draw(): void {
    if (!this.#view) return
    const { changes, limits } = this.#view
    this.#changes.update(changes)
    const wanted = this.#filter.value.trim().toLowerCase()
    this.#limits.update(limits.filter(limit => limitName(limit).toLowerCase().includes(wanted)))
  }

  #changeColumns(): Column<ChangeView>[] {
    const { words, store } = this.#context
    const { say, format } = words
    return [
      {
        name: 'what',
        title: say('column.what'),
        head: true,
        sort: change => this.#sentence(change),
        text: change => this.#sentence(change),
      },
      {
        name: 'at',
        title: say('column.when'),
        sort: ({ at }) => at,
        text: ({ at }) => format.dateTime(at),
      },
      { name: 'who', title: say('column.who'), sort: ({ who }) => who, text: ({ who }) => who },
      ...(store.rights === 'act'
        ? [
            buttonColumn<ChangeView>(
              say('column.act'),
              () => say('act.undo'),
              change => this.#sentence(change),
              ({ id }) => void undoChange(this.#context, id),
            ),
          ]
        : []),
    ]
  }

  #limitColumns(): Column<Limit>[] {
    const { words, store } = this.#context
    const { say } = words
    return [
      { name: 'key', title: say('column.key'), head: true, sort: limitName, text: limitName },
      {
        name: 'value',
        title: say('column.value'),
        text: ({ value, file }) =>
          value === file
            ? String(value)
            : say('limit.changed', { value: String(value), file: file === undefined ? '–' : String(file) }),
      },
      ...(store.rights === 'act'
        ? [
            buttonColumn<Limit>(
              say('column.act'),
              () => say('act.change'),
              limitName,
              limit => changeLimit(this.#context, limit),
            ),
          ]
        : []),
    ]
  }

  #sentence(change: ChangeView): string {
    const { words } = this.#context
    const { say, format } = words
    const { kind, homeserver, paused, user = '', until, value } = change
    if (kind === 'pause') return say(paused ? 'pause.done' : 'resume.done', { homeserver: homeserver ?? '' })
    if (kind === 'limit') return say('limit.done', { name: limitName(change), value: String(value) })
    const name = personName(user, this.#context)
    const who = homeserver === undefined ? name : `${name} (${homeserver})`
    return until === undefined
      ? say('block.is', { who })
      : say('block.until', { who, time: format.dateTime(until) })
  }
}
