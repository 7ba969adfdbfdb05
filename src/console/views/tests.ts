import type { LinkView, TestResult } from '../../control/view.ts'
import { finishedOf } from '../../verdict/report.ts'
import { testWords } from '../../verdict/words.ts'
import { actButton } from '../acts.ts'
import { ApiFailure, failureText } from '../api.ts'
import type { ConsoleContext, View } from '../context.ts'
import { copyButton } from '../parts/copy.ts'
import { h, newId, setText } from '../parts/dom.ts'
import { verdictCard, wayTable } from '../test/card.ts'

/** Links to the test page, and what came of them. */
export class Tests implements View {
  readonly element: HTMLElement
  readonly #context: ConsoleContext
  readonly #link = h('p', { role: 'status' })
  readonly #copy = h('div')
  readonly #code: HTMLInputElement
  readonly #state = h('p', { role: 'status' })
  readonly #result = h('div')

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
        this.#copy,
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
        this.#result,
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
      const anchor = h('a', { href: link, target: '_blank', rel: 'noreferrer' }, link)
      this.#link.replaceChildren(anchor, ...lines.map(line => h('small', {}, ` ${line}`)))
      const select = () => getSelection()?.selectAllChildren(anchor)
      this.#copy.replaceChildren(
        copyButton(words.say('tests.copy'), words.say('tests.copied'), () => link, select),
      )
    } catch (error) {
      setText(this.#link, words.say('act.failed', { why: failureText(error, words) }))
    }
  }

  async #look(): Promise<void> {
    const { api, words } = this.#context
    const { say, format } = words
    // People say the code on the telephone and write it as they hear it.
    const code = this.#code.value.toUpperCase().replaceAll(/[^A-Z0-9]/g, '')
    setText(this.#state, say('loading'))
    this.#result.replaceChildren()
    try {
      const result = await api.get<TestResult>(`test-results/${code}`)
      const finished = finishedOf(result)
      const own = testWords(words.language)
      const title = h(
        'h3',
        {},
        `${own.say('score.title')}: `,
        h('b', {}, own.say(`score.${finished.verdict.score}`)),
      )
      this.#result.replaceChildren(
        verdictCard(title, finished, own),
        wayTable(finished, own),
        h('p', { class: 'quiet' }, say('tests.browser', { browser: finished.browser })),
      )
      const when = format.dateTime(result.at)
      const client = result.server.client || '–'
      setText(this.#state, say('tests.from', { code: result.code, when, client }))
    } catch (error) {
      const isUnknown = error instanceof ApiFailure && error.status === 404
      const written = this.#code.value.trim().toUpperCase()
      setText(
        this.#state,
        isUnknown
          ? say('tests.unknown', { code: written })
          : say('act.failed', { why: failureText(error, words) }),
      )
    }
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || host.startsWith('127.')
}
