import type { Finished } from '../../verdict/report.ts'
import { browserSide, measured, relaySide, sentence } from '../../verdict/say.ts'
import type { TestWords } from '../../verdict/words.ts'
import { h } from '../parts/dom.ts'
import { foldBelow } from '../parts/table.ts'

/** The verdict in words, as the user and the operator see it. `more` are sentences for one of them. */
export function verdictCard(
  title: HTMLElement,
  { verdict }: Finished,
  words: TestWords,
  more: readonly string[] = [],
): HTMLElement {
  const { say } = words
  const sentences = [...verdict.remarks.map(remark => sentence(remark, words)), ...more]
  return h(
    'section',
    { class: 'verdict', 'data-level': levelOf(verdict.score), 'data-score': verdict.score },
    title,
    h('p', {}, say(`score.${verdict.score}.why`)),
    h('ul', {}, ...sentences.map(text => h('li', {}, text))),
  )
}

/** `good` needs nothing done. */
export function levelOf(score: Finished['verdict']['score']): 'good' | 'warn' | 'bad' {
  if (score === 'excellent' || score === 'good') return 'good'
  return score === 'fair' || score === 'unfinished' ? 'warn' : 'bad'
}

/** What browser and relay saw of each way. */
export function wayTable({ ways, server }: Finished, words: TestWords): HTMLElement {
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
