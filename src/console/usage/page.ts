import type { OwnUsage } from '../../control/view.ts'
import { type Api, failureText } from '../api.ts'
import { dayBars } from '../parts/day-bars.ts'
import { h, newId, setText } from '../parts/dom.ts'
import { plainHeader } from '../parts/pickers.ts'
import { cards, type Fact } from './cards.ts'
import { dayTable } from './day-table.ts'
import { energyText, moneyText, shareSection } from './share.ts'
import type { OwnWords } from './words.ts'

const GB = 1e9

interface UsagePageOptions {
  readonly words: OwnWords
  readonly api: Api
  /** Out of the link; empty when the page was opened without. */
  readonly token: string
  onLanguage(): void
}

/** The page on which one person sees what they have used, and sets themselves a limit. */
export class UsagePage {
  readonly #root: HTMLElement
  readonly #options: UsagePageOptions
  readonly #refused = h('p', { class: 'refused', role: 'alert' })
  readonly #content = h('div')

  constructor(root: HTMLElement, options: UsagePageOptions) {
    this.#root = root
    this.#options = options
  }

  async show(): Promise<void> {
    const { words, api, token, onLanguage } = this.#options
    const { say } = words
    document.title = `${say('title')} – taciturn`
    this.#root.replaceChildren(
      plainHeader(words, onLanguage),
      h(
        'main',
        { class: 'test' },
        h('h1', {}, say('title')),
        h('p', {}, say('lead')),
        this.#refused,
        this.#content,
      ),
    )
    if (token === '') return setText(this.#refused, say('no-link'))
    try {
      this.#draw(await api.post<OwnUsage>('own-usage', { token }))
    } catch (error) {
      setText(this.#refused, failureText(error, words))
    }
  }

  #draw(usage: OwnUsage): void {
    const { words } = this.#options
    const { say, format } = words
    const { own, allowed } = usage
    const limit = Math.min(own ?? Number.POSITIVE_INFINITY, allowed ?? Number.POSITIVE_INFINITY)
    const facts: Fact[] = [
      [
        say('used'),
        format.bytes(usage.bytes),
        Number.isFinite(limit) ? say('used.of', { limit: format.bytes(limit) }) : say('used.unlimited'),
      ],
      [say('sessions'), format.integer(usage.sessions), say('sessions.what')],
      [say('hours'), format.decimal(usage.milliseconds / 3_600_000, 1), say('hours.what')],
    ]
    const days = h('h2', { id: newId('days') }, say('days'))
    this.#content.replaceChildren(
      h('p', {}, say('whose', { user: usage.user })),
      cards(facts),
      h(
        'section',
        { 'aria-labelledby': days.id },
        days,
        dayBars(
          { first: usage.month, count: daysOf(usage.month), days: usage.days, label: say('days.chart') },
          format,
        ),
        h('details', {}, h('summary', {}, say('days.table')), dayTable(usage, words)),
      ),
      ...shareSection(usage, words),
      this.#limit(usage),
      ...this.#groups(usage),
      h(
        'p',
        { class: 'quiet' },
        say('about', { read: new Date(usage.read), expires: new Date(usage.expires) }),
      ),
    )
  }

  #limit({ own, allowed, atEnd }: OwnUsage): HTMLElement {
    const { words } = this.#options
    const { say, format } = words
    const title = h('h2', { id: newId('limit') }, say('limit'))
    const input = h('input', {
      id: newId('gb'),
      type: 'number',
      inputmode: 'decimal',
      min: 0.1,
      step: 'any',
      required: true,
      ...(allowed !== undefined && { max: allowed / GB }),
      ...(own !== undefined && { value: Number((own / GB).toFixed(3)) }),
    })
    const hint = newId('hint')
    input.setAttribute('aria-describedby', hint)
    const form = h(
      'form',
      { class: 'own-limit' },
      h('label', { for: input.id }, say('limit.label')),
      h(
        'p',
        { class: 'own-limit-row' },
        input,
        h('button', { class: 'primary', type: 'submit' }, say('limit.set')),
        own !== undefined &&
          h('button', { type: 'button', onclick: () => void this.#set(null) }, say('limit.lift')),
      ),
    )
    form.addEventListener('submit', event => {
      event.preventDefault()
      void this.#set(Math.round(input.valueAsNumber * GB))
    })
    return h(
      'section',
      { 'aria-labelledby': title.id },
      title,
      h(
        'p',
        { id: hint },
        `${own === undefined ? say('limit.none') : say('limit.own', { limit: format.bytes(own) })} ${say(`limit.end.${atEnd}`)}`,
      ),
      allowed !== undefined && h('p', {}, say('limit.allowed', { limit: format.bytes(allowed) })),
      form,
    )
  }

  async #set(month: number | null): Promise<void> {
    const { words, api, token } = this.#options
    setText(this.#refused, '')
    try {
      this.#draw(await api.post<OwnUsage>('own-usage/limit', { token, month }))
      this.#content.querySelector<HTMLElement>('.own-limit input')?.focus()
    } catch (error) {
      setText(this.#refused, failureText(error, words))
    }
  }

  #groups({ groups, share }: OwnUsage): HTMLElement[] {
    const { say, format } = this.#options.words
    if (groups.length === 0) return []
    const title = h('h2', { id: newId('groups') }, say('groups'))
    const currency = share === undefined || share === 'few' ? '' : share.currency
    const lines = groups.map(({ name, bytes, limit, cost, kwh }) =>
      h(
        'li',
        {},
        h('b', {}, name),
        ' ',
        [
          limit === undefined
            ? format.bytes(bytes)
            : say('groups.of', { used: format.bytes(bytes), limit: format.bytes(limit) }),
          ...(cost === undefined ? [] : [moneyText(cost, currency, format)]),
          ...(kwh === undefined ? [] : [energyText(kwh, format)]),
        ].join(' · '),
      ),
    )
    return [
      h(
        'section',
        { 'aria-labelledby': title.id },
        title,
        h('p', { class: 'quiet' }, say('groups.what')),
        groups.some(({ cost }) => cost !== undefined) && h('p', { class: 'quiet' }, say('groups.share')),
        h('ul', {}, ...lines),
      ),
    ]
  }
}

/** How many days a month has; its start is in seconds since the epoch (UTC). */
function daysOf(month: number): number {
  const begin = new Date(month * 1000)
  return new Date(Date.UTC(begin.getUTCFullYear(), begin.getUTCMonth() + 1, 0)).getUTCDate()
}
