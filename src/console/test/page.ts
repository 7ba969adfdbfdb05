import type { TestCode, TestLeft, TestMeasured, TestStart, TestView } from '../../control/view.ts'
import { type Finished, report } from '../../verdict/report.ts'
import { readTestUri, type TestUri } from '../../verdict/uri.ts'
import { gradeOf, judge, RELAY_GONE, type WayVerdict } from '../../verdict/verdict.ts'
import type { TestWords } from '../../verdict/words.ts'
import { type Api, ApiFailure, failureText } from '../api.ts'
import { copyButton } from '../parts/copy.ts'
import { h, newId, setAttribute, setText } from '../parts/dom.ts'
import { plainHeader } from '../parts/pickers.ts'
import { type CallStep, tryWay } from './call.ts'
import { levelOf, verdictCard, wayTable } from './card.ts'

export interface TestPageOptions {
  readonly words: TestWords
  readonly api: Api
  /** Out of the link; empty when the page was opened without. */
  readonly code: string
  /** What an earlier view of the page, in another language, has found out. */
  readonly outcome: TestOutcome | undefined
  onOutcome(outcome: TestOutcome): void
  onLanguage(): void
}

export interface TestOutcome {
  readonly finished: Finished
  /** For the operator; undefined when the relay did not take the result. */
  readonly code: string | undefined
  readonly why: string
  /** Tests that the link is still good for. */
  readonly left: number
}

interface Line {
  readonly item: HTMLElement
  readonly state: HTMLElement
}

/** The page for people whose calls fail: a test, and what came of it in plain words. */
export class TestPage {
  readonly #root: HTMLElement
  readonly #options: TestPageOptions
  readonly #start: HTMLButtonElement
  readonly #again = h('p')
  readonly #refused = h('p', { class: 'refused', role: 'alert' })
  readonly #ways = h('ul', { class: 'ways' })
  readonly #progress = h('p', { class: 'unseen', role: 'status' })
  readonly #running: HTMLElement
  readonly #result = h('div')

  constructor(root: HTMLElement, options: TestPageOptions) {
    this.#root = root
    this.#options = options
    const { say } = options.words
    this.#start = h(
      'button',
      { class: 'primary large', type: 'button', onclick: () => void this.#run() },
      say('start'),
    )
    this.#running = h(
      'section',
      { 'aria-labelledby': 'ways', hidden: true },
      h('h2', { id: 'ways' }, say('ways.title')),
      this.#ways,
    )
  }

  show(): void {
    const { words, code, outcome, onLanguage } = this.#options
    const { say } = words
    document.title = `${say('title')} – taciturn`
    const able = typeof RTCPeerConnection === 'function'
    const obstacle = !able ? say('no-webrtc') : code === '' ? say('no-code') : undefined
    this.#root.replaceChildren(
      plainHeader(words, onLanguage),
      h(
        'main',
        { class: 'test' },
        h('h1', {}, say('title')),
        h('p', {}, say('lead')),
        h('p', { class: 'quiet' }, say('privacy')),
        this.#again,
        this.#refused,
        this.#running,
        this.#progress,
        this.#result,
      ),
    )
    if (obstacle !== undefined) this.#obstruct(obstacle)
    else this.#again.replaceChildren(this.#start)
    if (outcome) this.#showOutcome(outcome)
    else if (obstacle === undefined) void this.#checkLink()
  }

  #obstruct(why: string): void {
    this.#again.replaceChildren(h('span', { class: 'obstacle', role: 'alert' }, why))
  }

  /** A link that is used up leaves no button that could not work. Where that cannot be told, the button stays. */
  async #checkLink(): Promise<void> {
    const { words, api, code } = this.#options
    try {
      await api.post<TestLeft>('test/link', { code })
    } catch (error) {
      if (error instanceof ApiFailure && error.status === 403) this.#obstruct(words.say('refused.link'))
    }
  }

  async #run(): Promise<void> {
    const { words, api, code } = this.#options
    const { say } = words
    this.#start.disabled = true
    for (const select of this.#root.querySelectorAll('select')) select.disabled = true
    setText(this.#refused, '')
    try {
      const start = await api.post<TestStart>('test/start', { code })
      await this.#test(start)
    } catch (error) {
      const isLink = error instanceof ApiFailure && error.status === 403
      setText(
        this.#refused,
        isLink ? say('refused.link') : say('refused', { why: failureText(error, words) }),
      )
    }
    for (const select of this.#root.querySelectorAll('select')) select.disabled = false
    this.#start.disabled = false
  }

  async #test({ handle, iceServers, left }: TestStart): Promise<void> {
    const { words, api } = this.#options
    const { say } = words
    const servers = iceServers.flatMap(server => {
      const uri = readTestUri(server.urls)
      return uri ? [{ server, line: this.#line(uri) }] : []
    })
    this.#ways.replaceChildren(...servers.map(({ line }) => line.item))
    this.#running.hidden = false
    const ways: WayVerdict[] = []
    for (const { server, line } of servers) {
      const name = say(`way.${readTestUri(server.urls)!.transport}`)
      const tell = (step: CallStep) => {
        setAttribute(line.item, 'data-state', 'busy')
        setText(line.state, say(`step.${step}`))
        setText(this.#progress, say('progress', { way: name, step: say(`step.${step}`) }))
      }
      const way = await tryWay(server, tell)
      ways.push(way)
      const grade = gradeOf(way)
      setAttribute(line.item, 'data-state', grade)
      setText(line.state, say(`step.${grade}`))
    }
    const server = await api.get<TestView>(`test/${handle}`).catch(() => undefined)
    const finished: Finished = {
      ways,
      server,
      verdict: server ? judge(ways, server) : RELAY_GONE,
      at: Date.now(),
      browser: navigator.userAgent,
      page: location.origin + location.pathname,
    }
    const outcome = await this.#keep(handle, finished, left)
    setText(this.#progress, '')
    this.#options.onOutcome(outcome)
    this.#showOutcome(outcome)
  }

  async #keep(handle: string, finished: Finished, left: number): Promise<TestOutcome> {
    const { words, api } = this.#options
    const { ways, verdict, browser } = finished
    const measured: TestMeasured = { ...verdict, ways, browser: browser.slice(0, 512) }
    try {
      const { code } = await api.post<TestCode>(`test/${handle}/result`, measured)
      return { finished, code, why: '', left }
    } catch (error) {
      // Without an answer, or with that of a relay that was started anew, what was measured last is worth nothing.
      const isGone = error instanceof ApiFailure && (error.status === 0 || error.status === 404)
      const seen = isGone ? { ...finished, verdict: RELAY_GONE } : finished
      return { finished: seen, code: undefined, why: failureText(error, words), left }
    }
  }

  #line({ transport, host, port }: TestUri): Line {
    const { say } = this.#options.words
    const state = h('span', { class: 'state' }, say('step.waiting'))
    const where = h('small', {}, `${say(`way.${transport}.what`)} · ${host}:${port}`)
    return { item: h('li', {}, h('span', {}, h('b', {}, say(`way.${transport}`)), where), state), state }
  }

  #showOutcome({ finished, code, why, left }: TestOutcome): void {
    const { words } = this.#options
    const { say } = words
    setText(this.#start, say('again'))
    this.#start.classList.remove('primary')
    this.#again.replaceChildren(left > 0 ? this.#start : h('span', { class: 'quiet' }, say('used-up')))
    const { verdict } = finished
    const title = h(
      'h2',
      { tabindex: -1 },
      `${say('score.title')}: `,
      h('strong', {}, say(`score.${verdict.score}`)),
    )
    const isForOperator = levelOf(verdict.score) !== 'good' && code !== undefined
    this.#result.replaceChildren(
      verdictCard(title, finished, words, isForOperator ? [say('say.operator')] : []),
      code === undefined
        ? h('section', {}, h('h2', {}, say('code.title')), h('p', {}, say('code.failed', { why })))
        : h(
            'section',
            {},
            h('h2', {}, say('code.title')),
            h('p', { class: 'code' }, code),
            h('p', { class: 'quiet' }, say('code.text')),
          ),
      h('section', {}, h('h2', {}, say('table.title')), wayTable(finished, words)),
      this.#report(finished),
    )
    title.focus()
  }

  #report(finished: Finished): HTMLElement {
    const { words } = this.#options
    const { say } = words
    const id = newId('report')
    const area = h('textarea', { id, readonly: true, rows: 12 })
    area.value = report(finished, words)
    return h(
      'section',
      {},
      h('h2', {}, h('label', { for: id }, say('report.title'))),
      area,
      copyButton(
        say('report.copy'),
        say('report.copied'),
        () => area.value,
        () => area.select(),
      ),
    )
  }
}
