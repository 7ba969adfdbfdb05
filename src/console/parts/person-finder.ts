import type { FoundView, SessionList, SessionView } from '../../control/view.ts'
import { actButton } from '../acts.ts'
import { failureText } from '../api.ts'
import type { ConsoleContext } from '../context.ts'
import { h, newId, setText } from './dom.ts'

/** Milliseconds after which sessions that the feed does not list are asked for again. */
const ASK_EVERY = 2_000

/**
 * The field that finds sessions: by what is in the list while one types, and,
 * for a Matrix ID, by asking the relay for that one person.
 */
export class PersonFinder {
  readonly element: HTMLElement
  readonly #context: ConsoleContext
  readonly #input: HTMLInputElement
  readonly #said = h('p', { class: 'quiet', role: 'status' })
  #found: { readonly user: string; readonly name: string } | undefined
  #listed: readonly SessionView[] | undefined
  #askedAt = Number.NEGATIVE_INFINITY

  /** `onChange` is called when other sessions are to be shown. */
  constructor(context: ConsoleContext, onChange: () => void) {
    this.#context = context
    const { say } = context.words
    const id = newId('filter')
    const hint = newId('hint')
    const typed = () => {
      this.#forget()
      onChange()
    }
    this.#input = h('input', {
      id,
      type: 'search',
      autocomplete: 'off',
      autocapitalize: 'off',
      spellcheck: 'false',
      'aria-describedby': hint,
      oninput: typed,
    })
    const find = () => void this.#find().then(onChange)
    const submit = (event: Event) => {
      event.preventDefault()
      if (context.store.rights === 'act') find()
    }
    this.element = h(
      'form',
      { class: 'finder', onsubmit: submit },
      h('p', {}, h('label', { for: id }, say('sessions.filter')), this.#input),
      actButton(context, say('find.act'), find),
      h('small', { id: hint }, say('find.hint')),
      this.#said,
    )
  }

  /** What is looked for among the sessions of the list, in lower case; empty where it is nothing or a person. */
  get text(): string {
    return this.#found ? '' : this.#input.value.trim().toLowerCase()
  }

  /** The sessions of the person who was found; undefined where nobody was looked up. */
  sessions(all: readonly SessionView[], more: number): readonly SessionView[] | undefined {
    const found = this.#found
    if (!found) return undefined
    if (more === 0) return all.filter(({ user }) => user === found.user)
    if (performance.now() - this.#askedAt >= ASK_EVERY) void this.#ask(found.user)
    return this.#listed ?? all.filter(({ user }) => user === found.user)
  }

  async #find(): Promise<void> {
    const { api, words, names } = this.#context
    const name = this.#input.value.trim()
    this.#forget()
    if (name === '') {
      this.#input.focus()
      return
    }
    try {
      const { user } = await api.post<FoundView>('users/find', { name })
      if (user === undefined) {
        setText(this.#said, words.say('find.nobody', { name }))
        return
      }
      this.#found = { user, name }
      names.learn(user, name)
      setText(this.#said, words.say('find.done', { name }))
    } catch (error) {
      setText(this.#said, words.say('act.failed', { why: failureText(error, words) }))
    }
  }

  async #ask(user: string): Promise<void> {
    this.#askedAt = performance.now()
    try {
      const { sessions } = await this.#context.api.get<SessionList>(
        `sessions?user=${encodeURIComponent(user)}`,
      )
      if (this.#found?.user === user) this.#listed = sessions
    } catch {
      // The next look asks again; the feed says when the relay is away.
    }
  }

  #forget(): void {
    if (this.#found) this.#context.names.forget(this.#found.user)
    this.#found = undefined
    this.#listed = undefined
    setText(this.#said, '')
  }
}
