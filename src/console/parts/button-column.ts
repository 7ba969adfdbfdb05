import { h } from './dom.ts'
import type { Column } from './table.ts'

/** A button in each row; `about` tells a screen reader whose it is. */
export function buttonColumn<T>(
  title: string,
  label: () => string,
  about: (item: T) => string,
  press: (item: T) => void,
): Column<T> {
  const latest = new WeakMap<HTMLElement, T>()
  return {
    name: 'act',
    title,
    draw: (cell, item) => {
      latest.set(cell, item)
      const button =
        cell.querySelector('button') ??
        cell.appendChild(h('button', { type: 'button', onclick: () => press(latest.get(cell)!) }, label()))
      button.setAttribute('aria-label', `${label()}: ${about(item)}`)
    },
  }
}
