import type { History, HistoryPoint, Status } from '../../control/view.ts'
import { healthText, healthWords, uncheckedText } from '../../health/words.ts'
import type { ConsoleContext, View } from '../context.ts'
import { Chart, type Drawing } from '../parts/chart.ts'
import type { Moment } from '../parts/chart-lines.ts'
import { csvButton } from '../parts/csv-button.ts'
import { h, newId, setChildren, setText, setWidth } from '../parts/dom.ts'
import type { TextKey } from '../words.ts'

type What = 'traffic' | 'sessions' | 'refused'
type Span = keyof typeof SPANS

/** Milliseconds of each span. */
const SPANS = { recent: 600_000, day: 86_400_000, month: 30 * 86_400_000, year: 365 * 86_400_000 }
const CSV_SPANS: Readonly<Record<Span, string>> = {
  recent: 'recent',
  day: 'day',
  month: 'hours',
  year: 'hours',
}
/** Milliseconds after which the hours are asked for again. */
const HOURS_EVERY = 600_000

/** How the relay is right now: the four figures that are asked for first, what needs attention, and the last hours. */
export class Overview implements View {
  readonly element: HTMLElement
  readonly #context: ConsoleContext
  readonly #cards = new Map<string, { readonly value: HTMLElement; readonly more: HTMLElement }>()
  readonly #health = h('ul', { class: 'health' })
  readonly #chart: Chart
  readonly #transports = h('ul', { class: 'bars' })
  #what: What = 'traffic'
  #span: Span = 'recent'
  #healthMarkup = ''
  /** The feed does not bring them, so they are asked for where they are looked at. */
  #hours: History = { step: 3600, points: [] }
  #hoursAt = Number.NEGATIVE_INFINITY

  constructor(context: ConsoleContext) {
    this.#context = context
    const { words } = context
    const { say } = words
    this.#chart = new Chart(words)
    this.element = h(
      'div',
      {},
      h(
        'dl',
        { class: 'cards' },
        this.#card('sessions', 'card.sessions'),
        this.#card('toPeer', 'card.to-peers', 0),
        this.#card('toClient', 'card.to-clients', 1),
        this.#card('total', 'card.total'),
        this.#card('certificate', 'card.certificate'),
      ),
      h(
        'section',
        { 'aria-labelledby': 'attention' },
        h('h2', { id: 'attention' }, say('overview.attention')),
        this.#health,
      ),
      h(
        'section',
        { 'aria-labelledby': 'over-time' },
        h(
          'div',
          { class: 'head' },
          h('h2', { id: 'over-time' }, say('overview.over-time')),
          this.#choice(
            'chart.what',
            ['traffic', 'sessions', 'refused'],
            this.#what,
            what => (this.#what = what),
          ),
          this.#choice(
            'chart.span',
            ['recent', 'day', 'month', 'year'],
            this.#span,
            span => (this.#span = span),
          ),
        ),
        this.#chart.element,
        csvButton(context, () => `history.csv?span=${CSV_SPANS[this.#span]}`),
      ),
      h(
        'section',
        { 'aria-labelledby': 'transports' },
        h('h2', { id: 'transports' }, say('overview.transports')),
        this.#transports,
      ),
    )
  }

  update(): void {
    const { status } = this.#context.store
    if (!status) return
    this.#drawCards(status)
    this.#drawHealth(status)
    this.#chart.show(this.#drawing())
    this.#drawTransports(status)
  }

  #card(name: string, title: TextKey, swatch?: number): HTMLElement {
    const value = h('span', { class: 'value' }, '–')
    const more = h('small', {}, '\u00a0')
    this.#cards.set(name, { value, more })
    return h(
      'div',
      { 'data-card': name },
      h(
        'dt',
        {},
        swatch === undefined ? undefined : h('i', { class: `swatch s${swatch}`, 'aria-hidden': 'true' }),
        this.#context.words.say(title),
      ),
      h('dd', {}, value, more),
    )
  }

  #drawCards(status: Status): void {
    const { say, count, format } = this.#context.words
    const set = (name: string, value: string, more: string) => {
      const card = this.#cards.get(name)!
      setText(card.value, value)
      setText(card.more, more)
    }
    const { allocations, rate, traffic, certificate } = status
    set(
      'sessions',
      format.integer(allocations.live),
      `${say('card.of', { limit: format.integer(allocations.limit) })} · ${count('users', status.users)}`,
    )
    for (const way of ['toPeer', 'toClient'] as const)
      set(way, format.bitrate(rate[way].bytes), say('card.packets', { n: format.integer(rate[way].packets) }))
    set(
      'total',
      format.bytes(traffic.toPeer.bytes + traffic.toClient.bytes),
      say('card.since', { age: format.duration(status.at - status.started) }),
    )
    if (certificate)
      set(
        'certificate',
        count('days', Math.max(0, Math.floor((certificate.expires - status.at) / 86_400_000))),
        say('card.until', { when: format.date(certificate.expires) }),
      )
    else set('certificate', say('card.no-certificate'), say('card.no-tls'))
  }

  #drawHealth({ health }: Status): void {
    const { words } = this.#context
    const own = healthWords(words.language)
    const line = (level: 'good' | 'warn' | 'bad' | 'unchecked', sign: string, text: string) =>
      h('li', { class: level }, h('b', {}, `${sign} ${words.say(`level.${level}`)} `), text)
    const items = health.findings.map(finding =>
      line(finding.level, finding.level === 'bad' ? '✕' : '!', healthText(finding, own)),
    )
    if (items.length === 0) items.push(line('good', '✓', own.count('good', health.checked)))
    items.push(...health.unchecked.map(what => line('unchecked', '?', uncheckedText(what, own))))
    const markup = items.map(item => item.outerHTML).join('')
    if (markup === this.#healthMarkup) return
    this.#healthMarkup = markup
    this.#health.replaceChildren(...items)
  }

  #drawing(): Drawing {
    const { words, store } = this.#context
    const { say, format } = words
    const isLong = this.#span === 'month' || this.#span === 'year'
    if (isLong) void this.#loadHours()
    const history = isLong ? this.#hours : this.#span === 'recent' ? store.recent : store.day
    const common = {
      title: say(`chart.${this.#what}`),
      step: history.step * 1000,
      span: SPANS[this.#span],
      spanName: `chart.${this.#span}` as TextKey,
    }
    const moments = (read: (point: HistoryPoint) => readonly number[]): Moment[] =>
      history.points.map(point => ({ at: point.at, values: read(point) }))
    switch (this.#what) {
      case 'traffic':
        return {
          ...common,
          lines: [
            { name: say('card.to-peers'), style: 0 },
            { name: say('card.to-clients'), style: 1 },
          ],
          // In bits, so that the steps of the scale are round in what they are written in.
          moments: moments(point => [point.bytesToPeer * 8, point.bytesToClient * 8]),
          write: value => format.bitrate(value / 8),
        }
      case 'sessions':
        return {
          ...common,
          lines: [{ name: say('card.sessions'), style: 0 }],
          moments: moments(point => [point.allocations]),
          write: value => (Number.isInteger(value) ? format.integer(value) : format.decimal(value, 1)),
        }
      case 'refused':
        return {
          ...common,
          lines: [
            { name: say('chart.rejected'), style: 2 },
            { name: say('chart.dropped'), style: 3 },
          ],
          moments: moments(point => [point.rejected, point.dropped]),
          write: value => format.perSecond(value),
        }
    }
  }

  async #loadHours(): Promise<void> {
    if (performance.now() - this.#hoursAt < HOURS_EVERY) return
    this.#hoursAt = performance.now()
    const { api } = this.#context
    try {
      this.#hours = await api.get<History>('history/hours')
      this.update()
    } catch {
      // The feed says when the relay is away; then it is asked again with the next look.
      this.#hoursAt = performance.now() - HOURS_EVERY + 5_000
    }
  }

  #drawTransports(status: Status): void {
    const { format } = this.#context.words
    const { byTransport, live } = status.allocations
    const shown = (['udp', 'tcp', 'tls', 'dtls'] as const).filter(
      via => via !== 'dtls' || byTransport[via] > 0,
    )
    const items = shown.map(via => {
      const item =
        this.#transports.querySelector<HTMLElement>(`[data-via=${via}]`) ??
        h(
          'li',
          { 'data-via': via },
          h('span', {}, via.toUpperCase()),
          h('span', { class: 'track', 'aria-hidden': 'true' }, h('span', { class: 'bar' })),
          h('b'),
        )
      setWidth(item.querySelector<HTMLElement>('.bar')!, live > 0 ? byTransport[via] / live : 0)
      setText(item.querySelector('b')!, format.integer(byTransport[via]))
      return item
    })
    setChildren(this.#transports, items)
  }

  /** A row of radio buttons that looks like a switch. */
  #choice<K extends string>(
    title: TextKey,
    keys: readonly K[],
    chosen: K,
    choose: (key: K) => void,
  ): HTMLElement {
    const { say } = this.#context.words
    const name = newId('choice')
    return h(
      'fieldset',
      { class: 'choice' },
      h('legend', { class: 'unseen' }, say(title)),
      ...keys.map(key => {
        const input = h('input', {
          type: 'radio',
          name,
          value: key,
          checked: key === chosen,
          onchange: () => {
            choose(key)
            this.update()
          },
        })
        return h('label', {}, input, h('span', {}, say(`chart.${key}` as TextKey)))
      }),
    )
  }
}
