import type { OwnUsage } from '../../control/view.ts'
import { h } from '../parts/dom.ts'
import type { OwnWords } from './words.ts'

export function dayTable({ days }: Pick<OwnUsage, 'days'>, { say, format }: OwnWords): HTMLElement {
  return h(
    'table',
    { class: 'own-days' },
    h(
      'thead',
      {},
      h('tr', {}, h('th', { scope: 'col' }, say('days.day')), h('th', { scope: 'col' }, say('used'))),
    ),
    h(
      'tbody',
      {},
      ...days.map(({ start, bytes }) =>
        h('tr', {}, h('th', { scope: 'row' }, format.date(start * 1000)), h('td', {}, format.bytes(bytes))),
      ),
    ),
  )
}
