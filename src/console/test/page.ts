import type { TestCode, TestStart, TestView } from '../../control/view.ts'
import { type Api, ApiFailure } from '../api.ts'
import { h, newId, setAttribute, setText } from '../parts/dom.ts'
import { pickers } from '../parts/pickers.ts'
import { foldBelow } from '../parts/table.ts'
import { type CallStep, tryWay } from './call.ts'
import { type Finished, report } from './report.ts'
import { browserSide, measured, relaySide, sentence } from './say.ts'
import { readTestUri, type TestUri } from './uri.ts'
import { gradeOf, judge, type WayVerdict } from './verdict.ts'
import type { TestWords } from './words.ts'

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
      h(
        'header',
        {},
        h('p', { class: 'brand' }, h('b', {}, 'taciturn')),
        h('p', { class: 'pickers' }, ...pickers(words, onLanguage)),
      ),
      h(
        'main',
        { class: 'test' },
        h('h1', {}, say('title')),
        h('p', {}, say('lead')),
        h('p', { class: 'quiet' }, say('privacy')),
        obstacle === undefined
          ? h('p', {}, this.#start)
          : h('p', { class: 'obstacle', role: 'alert' }, obstacle),
        this.#refused,
        this.#running,
        this.#progress,
        this.#result,
      ),
    )
    if (outcome) this.#showOutcome(outcome)
  }

  async #run(): Promise<void> {
    const { words, api, code } = this.#options
    const { say } = words
    this.#start.disabled = true
    for (const select of this.#root.querySelectorAll('select')) select.disabled = true
    setText(this.#refused, '')
    this.#result.replaceChildren()
    try {
      const start = await api.post<TestStart>('test/start', { code })
      await this.#test(start)
    } catch (error) {
      const isLink = error instanceof ApiFailure && error.status === 403
      setText(this.#refused, isLink ? say('refused.link') : say('refused', { why: (error as Error).message }))
    }
    for (const select of this.#root.querySelectorAll('select')) select.disabled = false
    this.#start.disabled = false
    setText(this.#start, say('again'))
    this.#start.classList.remove('primary')
  }

  async #test({ handle, iceServers }: TestStart): Promise<void> {
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
      verdict: judge(ways, server),
      at: Date.now(),
      browser: navigator.userAgent,
      page: location.origin + location.pathname,
    }
    const kept = await this.#keep(handle, finished)
    setText(this.#progress, '')
    const outcome = { finished, ...kept }
    this.#options.onOutcome(outcome)
    this.#showOutcome(outcome)
  }

  async #keep(handle: string, finished: Finished): Promise<Omit<TestOutcome, 'finished'>> {
    const { ways, verdict, browser } = finished
    try {
      const { code } = await this.#options.api.post<TestCode>(`test/${handle}/result`, {
        score: verdict.score,
        remarks: verdict.remarks,
        ways,
        browser,
      })
      return { code, why: '' }
    } catch (error) {
      return { code: undefined, why: (error as Error).message }
    }
  }

  #line({ transport, host, port }: TestUri): Line {
    const { say } = this.#options.words
    const state = h('span', { class: 'state' }, say('step.waiting'))
    const where = h('small', {}, `${say(`way.${transport}.what`)} · ${host}:${port}`)
    return { item: h('li', {}, h('span', {}, h('b', {}, say(`way.${transport}`)), where), state), state }
  }

  #showOutcome({ finished, code, why }: TestOutcome): void {
    const { words } = this.#options
    const { say } = words
    const { verdict, ways, server } = finished
    const isBad = verdict.score === 'poor' || verdict.score === 'fail'
    const title = h(
      'h2',
      { tabindex: -1 },
      `${say('score.title')}: `,
      h('strong', {}, say(`score.${verdict.score}`)),
    )
    const level = isBad ? 'bad' : verdict.score === 'fair' ? 'warn' : 'good'
    const remarks = verdict.remarks.map(remark => h('li', {}, sentence(remark, words)))
    if (level !== 'good' && code !== undefined) remarks.push(h('li', {}, say('say.operator')))
    this.#result.replaceChildren(
      h(
        'section',
        { class: 'verdict', 'data-level': level, 'data-score': verdict.score },
        title,
        h('p', {}, say(`score.${verdict.score}.why`)),
        h('ul', {}, ...remarks),
      ),
      code === undefined
        ? h('section', {}, h('h2', {}, say('code.title')), h('p', {}, say('code.failed', { why })))
        : h(
            'section',
            {},
            h('h2', {}, say('code.title')),
            h('p', { class: 'code' }, code),
            h('p', { class: 'quiet' }, say('code.text')),
          ),
      h('section', {}, h('h2', {}, say('table.title')), this.#table(ways, server)),
      this.#report(finished),
    )
    title.focus()
  }

  #table(ways: readonly WayVerdict[], server: TestView | undefined): HTMLElement {
    const { words } = this.#options
    const { say } = words
    const heads = ['table.way', 'table.browser', 'table.relay', 'table.quality'] as const
    const rows = ways.map(way => {
      const cells = [browserSide(way, words), relaySide(way.transport, server, words), measured(way, words)]
      return h(
        'tr',
        { role: 'row' },
        h(
          'th',
          { scope: 'row', role: 'rowheader' },
          h('span', {}, say(`way.${way.transport}`)),
          h('small', {}, way.uri),
        ),
        ...cells.map((text, i) => h('td', { role: 'cell', 'data-label': say(heads[i + 1]!) }, text)),
      )
    })
    const head = h(
      'tr',
      { role: 'row' },
      ...heads.map(key => h('th', { scope: 'col', role: 'columnheader' }, say(key))),
    )
    const box = h(
      'div',
      { class: 'table-box' },
      h(
        'table',
        { role: 'table', class: 'wide' },
        h('caption', { class: 'unseen' }, say('table.title')),
        h('thead', { role: 'rowgroup' }, head),
        h('tbody', { role: 'rowgroup' }, ...rows),
      ),
    )
    foldBelow(box, 720)
    return box
  }

  #report(finished: Finished): HTMLElement {
    const { words } = this.#options
    const { say } = words
    const id = newId('report')
    const area = h('textarea', { id, readonly: true, rows: 12 })
    area.value = report(finished, words)
    const copied = h('span', { role: 'status', class: 'quiet' })
    const copy = async () => {
      try {
        await navigator.clipboard.writeText(area.value)
      } catch {
        // Without TLS there is no clipboard; selecting and copying by hand works everywhere.
        area.select()
        document.execCommand('copy')
      }
      setText(copied, say('report.copied'))
    }
    return h(
      'section',
      {},
      h('h2', {}, h('label', { for: id }, say('report.title'))),
      area,
      h(
        'p',
        {},
        h('button', { type: 'button', onclick: () => void copy() }, say('report.copy')),
        ' ',
        copied,
      ),
    )
  }
}
