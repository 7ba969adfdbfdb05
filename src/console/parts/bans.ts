import type { BansView, BanView } from '../../control/view.ts'
import { actButton } from '../acts.ts'
import { failureText } from '../api.ts'
import type { ConsoleContext } from '../context.ts'
import { buttonColumn } from './button-column.ts'
import { h, setText } from './dom.ts'
import { Table } from './table.ts'

/**
 * The networks that are banned, each with a button that lifts the ban. They are shown when asked for: they name
 * addresses, so that each look is a line of the access log.
 */
export function bansSection(context: ConsoleContext): HTMLElement {
  const { words, api, tell } = context
  const { say, format } = words
  const state = h('p', { class: 'quiet', role: 'status' })
  const failed = (error: unknown) => say('act.failed', { why: failureText(error, words) })
  const lift = async (network: string) => {
    try {
      await api.post('bans/lift', { network })
      // The row of the button goes, and the focus with it.
      title.focus()
      tell(say('bans.lifted', { network }), 'good')
      await load()
    } catch (error) {
      tell(failed(error), 'bad')
    }
  }
  const table = new Table<BanView>(words, {
    caption: say('bans'),
    key: ({ network }) => network,
    empty: say('bans.none'),
    columns: [
      { name: 'network', title: say('column.network'), head: true, text: ({ network }) => network },
      { name: 'until', title: say('column.until'), text: ({ until }) => format.dateTime(until) },
      { name: 'who', title: say('column.who'), text: ({ by }) => by },
      { name: 'reason', title: say('column.reason'), text: ({ reason }) => reason ?? '–' },
      buttonColumn<BanView>(
        say('column.act'),
        () => say('bans.lift'),
        ({ network }) => network,
        ({ network }) => void lift(network),
      ),
    ],
  })
  table.element.hidden = true
  const load = async () => {
    try {
      const { bans } = await api.get<BansView>('bans')
      table.update(bans)
      table.element.hidden = false
      setText(state, words.count('bans.count', bans.length))
    } catch (error) {
      setText(state, failed(error))
    }
  }
  const title = h('h2', { id: 'bans', tabindex: '-1' }, say('bans'))
  return h(
    'section',
    { 'aria-labelledby': 'bans' },
    h(
      'div',
      { class: 'head' },
      title,
      actButton(context, say('bans.show'), () => void load()),
    ),
    h('p', { class: 'lead' }, say('bans.lead')),
    state,
    table.element,
  )
}
