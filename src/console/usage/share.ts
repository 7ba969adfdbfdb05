import type { OwnUsage } from '../../control/view.ts'
import type { Format } from '../../texts/format.ts'
import { h, newId } from '../parts/dom.ts'
import { cards, type Fact } from './cards.ts'
import type { OwnWords } from './words.ts'

/** A no-break space. */
const SPACE = '\u00a0'

/** What one's own use comes to of the costs and the electricity; nothing where nobody knows them. */
export function shareSection({ share }: Pick<OwnUsage, 'share'>, words: OwnWords): HTMLElement[] {
  if (share === undefined) return []
  const { say, format } = words
  const title = h('h2', { id: newId('share') }, say('share'))
  const section = h('section', { 'aria-labelledby': title.id }, title)
  if (share === 'few') section.append(h('p', {}, say('share.few')))
  else {
    const { until, cost, currency, kwh, by, supplier } = share
    const facts: Fact[] = [[say('share.cost'), moneyText(cost, currency, format), say('share.cost.what')]]
    if (kwh !== undefined) {
      const how = by.map(one => say(`share.by.${one}`))
      if (supplier !== undefined) how.push(say('share.supplier', { supplier }))
      facts.push([say('share.energy'), energyText(kwh, format), how.join(', ')])
    }
    // The last day that is counted.
    const day = format.date((until - 1) * 1000)
    section.append(cards(facts), h('p', { class: 'quiet' }, say('share.what', { day })))
  }
  return [section]
}

export function moneyText(amount: number, currency: string, format: Format): string {
  return `${format.decimal(amount, 2)}${SPACE}${currency}`
}

/** Two digits: it is not known better. */
export function energyText(kwh: number, format: Format): string {
  return `${format.upTo(Number(kwh.toPrecision(2)), 4)}${SPACE}kWh`
}
