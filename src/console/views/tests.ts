import type { LinkView, TestResult } from '../../control/view.ts'
import { actButton } from '../acts.ts'
import { type ConfigurationEntry, entriesOf } from '../configuration.ts'
import type { ConsoleContext, View } from '../context.ts'
import { h, newId, setText } from '../parts/dom.ts'
import { Table } from '../parts/table.ts'

/** Links to the test page, and what came of them. */
export class Tests implements View {
  readonly element: HTMLElement
  readonly #context: ConsoleContext
  readonly #link = h('p', { role: 'status' })
  readonly #code: HTMLInputElement
  readonly #state = h('p', { role: 'status' })
  readonly #result: Table<ConfigurationEntry>

  constructor(context: ConsoleContext) {
    this.#context = context
    const { words } = context
    const { say } = words
    const id = newId('code')
    this.#code = h('input', {
      id,
      autocomplete: 'off',
      autocapitalize: 'characters',
      required: true,
      size: 14,
    })
    this.#result = new Table<ConfigurationEntry>(words, {
      caption: say('tests.result'),
      key: ({ path }) => path,
      empty: say('tests.nothing'),
      columns: [
        { name: 'path', title: say('column.what'), head: true, text: ({ path }) => path },
        { name: 'value', title: say('column.value'), text: ({ value }) => value },
      ],
    })
    this.#result.element.classList.add('keys')
    this.#result.update([])
    const look = (event: Event) => {
      event.preventDefault()
      void this.#look()
    }
    this.element = h(
      'div',
      {},
      h(
        'section',
        { 'aria-labelledby': 'tests-link' },
        h('h2', { id: 'tests-link' }, say('tests.link')),
        h('p', { class: 'lead' }, say('tests.link.lead')),
        h(
          'p',
          {},
          actButton(context, say('tests.make'), () => void this.#make()),
        ),
        this.#link,
      ),
      h(
        'section',
        { 'aria-labelledby': 'tests-result' },
        h('h2', { id: 'tests-result' }, say('tests.result')),
        h('p', { class: 'lead' }, say('tests.result.lead')),
        h(
          'form',
          { class: 'tools', onsubmit: look },
          h('p', {}, h('label', { for: id }, say('tests.code')), this.#code),
          h('button', {}, say('tests.look')),
        ),
        this.#state,
        this.#result.element,
      ),
    )
  }

  update(): void {}

  async #make(): Promise<void> {
    const { api, words } = this.#context
    try {
      const { url, expires } = await api.post<LinkView>('links', { kind: 'test' })
      // Without a public address of its own the relay only knows where it listens.
      const isElsewhere = isLoopback(new URL(url).hostname) && !isLoopback(location.hostname)
      const link = isElsewhere ? new URL(`test${new URL(url).hash}`, document.baseURI).href : url
      const lines = [words.say('card.until', { when: words.format.dateTime(expires) })]
      if (isLoopback(new URL(link).hostname)) lines.push(words.say('tests.local'))
      this.#link.replaceChildren(
        h('a', { href: link, target: '_blank', rel: 'noreferrer' }, link),
        ...lines.map(line => h('small', {}, ` ${line}`)),
      )
    } catch (error) {
      setText(this.#link, words.say('act.failed', { why: (error as Error).message }))
    }
  }

  async #look(): Promise<void> {
    const { api, words } = this.#context
    const code = this.#code.value.trim().toUpperCase()
    setText(this.#state, words.say('loading'))
    this.#result.update([])
    try {
      const { at, measured, server } = await api.get<TestResult>(`test-results/${encodeURIComponent(code)}`)
      this.#result.update([...entriesOf(measured), ...entriesOf(server, 'relay')])
      setText(this.#state, `${code} · ${words.format.dateTime(at)}`)
    } catch (error) {
      setText(this.#state, words.say('act.failed', { why: (error as Error).message }))
    }
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || host.startsWith('127.')
}
