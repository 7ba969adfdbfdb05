import { h } from '../parts/dom.ts'

export type Fact = readonly [title: string, value: string, more: string]

/** Figures side by side, each with what it is of. */
export function cards(facts: readonly Fact[]): HTMLElement {
  return h(
    'dl',
    { class: 'cards' },
    ...facts.map(([title, value, more]) =>
      h('div', {}, h('dt', {}, title), h('dd', {}, h('b', { class: 'value' }, value), h('small', {}, more))),
    ),
  )
}
