import type { ConsoleWords } from '../words.ts'
import { h, newId, setAttribute, setChildren, setText } from './dom.ts'

export interface Column<T> {
  readonly name: string
  readonly title: string
  readonly number?: boolean
  /** The column that says which row it is. */
  readonly head?: boolean
  /** What is compared; without it the column cannot be sorted by. */
  sort?(item: T): number | string
  /** What stands in the cell, or how to draw it; drawing again must change nothing that is the same. */
  text?(item: T): string
  draw?(cell: HTMLElement, item: T): void
}

export interface TableOptions<T> {
  readonly caption: string
  readonly columns: readonly Column<T>[]
  /** Names a row; equal for the same thing the next second. */
  key(item: T): string
  readonly sort?: { readonly column: string; readonly descending: boolean }
  readonly empty: string
}

/** Rows move to their new place no oftener than this, in milliseconds. */
const SORT_EVERY = 5_000
/** Rows that are drawn before somebody asks for all. */
const FIRST = 100

/** A table of more columns than this folds to cards earlier; widths in CSS pixels. */
const MANY = 5
const WIDE = 1120
const NARROW = 720

interface Row {
  readonly element: HTMLElement
  readonly cells: readonly HTMLElement[]
}

/** A table that is drawn anew every second without moving under the reader's finger. */
export class Table<T> {
  readonly element: HTMLElement
  readonly #options: TableOptions<T>
  readonly #words: ConsoleWords
  readonly #body = h('tbody', { role: 'rowgroup' })
  readonly #empty: HTMLElement
  readonly #all: HTMLButtonElement
  readonly #table: HTMLTableElement
  readonly #heads = new Map<string, HTMLElement>()
  readonly #select = h('select')
  readonly #sort: HTMLElement | undefined
  readonly #rows = new Map<string, Row>()
  #order: string[] = []
  #sorted = Number.NEGATIVE_INFINITY
  #column: string | undefined
  #descending = false
  #items: readonly T[] = []
  #most = FIRST

  constructor(words: ConsoleWords, options: TableOptions<T>) {
    this.#words = words
    this.#options = options
    this.#column = options.sort?.column
    this.#descending = options.sort?.descending ?? false
    const head = h('tr', { role: 'row' }, ...options.columns.map(column => this.#head(column)))
    this.#table = h(
      'table',
      { role: 'table' },
      h('caption', { class: 'unseen' }, options.caption),
      h('thead', { role: 'rowgroup' }, head),
      this.#body,
    )
    // Nothing is said of the rows before somebody knows them.
    this.#empty = h('p', { class: 'empty', hidden: true }, options.empty)
    this.#all = h('button', { type: 'button', hidden: true, onclick: () => this.#showAll() })
    this.#sort = this.#phoneSort()
    this.element = h('div', { class: 'table-box' }, this.#sort, this.#table, this.#empty, this.#all)
    foldBelow(this.element, options.columns.length > MANY ? WIDE : NARROW)
    this.#markSort()
  }

  /** Shows these items; `empty` is said where there are none. */
  update(items: readonly T[], empty = this.#options.empty): void {
    this.#items = items
    setText(this.#empty, empty)
    this.#draw(false)
  }

  #draw(now: boolean): void {
    const { key, columns } = this.#options
    const byKey = new Map(this.#items.map(item => [key(item), item]))
    this.#arrange(byKey, now)
    const shown = this.#order.slice(0, this.#most)
    for (const name of this.#rows.keys()) if (!byKey.has(name)) this.#rows.delete(name)
    const elements = shown.map(name => {
      const row = this.#rows.get(name) ?? this.#newRow(name)
      for (const [i, column] of columns.entries()) {
        const cell = row.cells[i]!
        const item = byKey.get(name)!
        if (column.draw) column.draw(cell, item)
        else setText(cell, column.text?.(item) ?? '')
      }
      return row.element
    })
    setChildren(this.#body, elements)
    this.#table.hidden = byKey.size === 0
    this.#empty.hidden = byKey.size > 0
    if (this.#sort) this.#sort.hidden = byKey.size === 0
    this.#all.hidden = byKey.size <= this.#most
    if (!this.#all.hidden) setText(this.#all, this.#words.count('table.all', byKey.size))
  }

  /** Brings the rows in order; while somebody points at one or has the focus in it, none of them moves. */
  #arrange(byKey: ReadonlyMap<string, T>, now: boolean): void {
    const engaged = this.#body.contains(document.activeElement) || this.#body.matches(':hover')
    const known = new Set(this.#order)
    const same = known.size === byKey.size && this.#order.every(name => byKey.has(name))
    if (!now && engaged) {
      this.#order = this.#order.filter(name => byKey.has(name))
      for (const name of byKey.keys()) if (!known.has(name)) this.#order.push(name)
      return
    }
    const column = this.#options.columns.find(({ name }) => name === this.#column)
    const due = performance.now() - this.#sorted >= SORT_EVERY
    if (!now && same && !(due && column)) return
    this.#sorted = performance.now()
    const entries = [...byKey]
    if (column?.sort) {
      const way = this.#descending ? -1 : 1
      const values = new Map(entries.map(([name, item]) => [name, column.sort!(item)]))
      const { language } = this.#words
      const compare = new Intl.Collator(language, { numeric: true }).compare
      entries.sort(([a], [b]) => {
        const [x, y] = [values.get(a)!, values.get(b)!]
        const order = typeof x === 'number' && typeof y === 'number' ? x - y : compare(String(x), String(y))
        return order * way || compare(a, b)
      })
    }
    this.#order = entries.map(([name]) => name)
  }

  #newRow(name: string): Row {
    const cells = this.#options.columns.map(column =>
      column.head
        ? h('th', { scope: 'row', role: 'rowheader', 'data-label': column.title })
        : h('td', { role: 'cell', class: column.number ? 'number' : undefined, 'data-label': column.title }),
    )
    const row = { element: h('tr', { role: 'row', 'data-key': name }, ...cells), cells }
    this.#rows.set(name, row)
    return row
  }

  #head(column: Column<T>): HTMLElement {
    const content = column.sort
      ? h('button', { type: 'button', class: 'sort', onclick: () => this.#sortBy(column) }, column.title)
      : column.title
    const head = h(
      'th',
      { scope: 'col', role: 'columnheader', class: column.number ? 'number' : undefined },
      content,
    )
    this.#heads.set(column.name, head)
    return head
  }

  #sortBy({ name, number }: Column<T>): void {
    this.#descending = this.#column === name ? !this.#descending : number === true
    this.#column = name
    this.#resort()
  }

  #resort(): void {
    this.#markSort()
    this.#draw(true)
  }

  #showAll(): void {
    this.#most = Number.POSITIVE_INFINITY
    this.#draw(true)
  }

  #markSort(): void {
    for (const [name, head] of this.#heads) {
      const sorted = name === this.#column ? (this.#descending ? 'descending' : 'ascending') : undefined
      setAttribute(head, 'aria-sort', sorted)
    }
    if (this.#column !== undefined) this.#select.value = `${this.#column} ${this.#descending ? 'down' : 'up'}`
  }

  /** At phone width the rows are cards without heads, so the order is chosen from a list. */
  #phoneSort(): HTMLElement | undefined {
    const sortable = this.#options.columns.filter(column => column.sort)
    if (sortable.length === 0) return undefined
    for (const { name, title } of sortable) {
      this.#select.append(
        h('option', { value: `${name} down` }, `${title} ↓`),
        h('option', { value: `${name} up` }, `${title} ↑`),
      )
    }
    this.#select.id = newId('sort')
    this.#select.addEventListener('change', () => {
      const [name, way] = this.#select.value.split(' ')
      this.#column = name
      this.#descending = way === 'down'
      this.#resort()
    })
    return h(
      'p',
      { class: 'phone-sort' },
      h('label', { for: this.#select.id }, this.#words.say('table.sort')),
      this.#select,
    )
  }
}

/** Lays the rows of the table in `box` out as cards while the window is not wider than this. */
export function foldBelow(box: Element, width: number): void {
  const query = matchMedia(`(max-width: ${width}px)`)
  const fold = () => box.classList.toggle('folded', query.matches)
  query.addEventListener('change', fold)
  fold()
}
