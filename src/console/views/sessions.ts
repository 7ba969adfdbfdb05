import type { SessionView } from '../../control/view.ts'
import { act } from '../acts.ts'
import type { ConsoleContext, View } from '../context.ts'
import { csvButton } from '../parts/csv-button.ts'
import { h, newId, setAttribute, setText } from '../parts/dom.ts'
import { namesButton } from '../parts/names-button.ts'
import { personName } from '../parts/person.ts'
import { PersonFinder } from '../parts/person-finder.ts'
import { type Column, Table } from '../parts/table.ts'

/** Everything that is relayed now, one row for each allocation. */
export class Sessions implements View {
  readonly element: HTMLElement
  readonly #context: ConsoleContext
  readonly #table: Table<SessionView>
  readonly #finder: PersonFinder
  readonly #transport: HTMLSelectElement
  readonly #count = h('p', { class: 'quiet', 'data-count': true })
  readonly #names: { readonly element: HTMLElement; update(): void }

  constructor(context: ConsoleContext) {
    this.#context = context
    const { words } = context
    const { say } = words
    this.#table = new Table(words, {
      caption: say('nav.sessions'),
      columns: this.#columns(),
      key: ({ id }) => id,
      sort: { column: 'rate', descending: true },
      empty: say('sessions.empty'),
    })
    const transport = newId('filter')
    const redraw = () => this.update()
    this.#finder = new PersonFinder(context, redraw)
    this.#transport = h(
      'select',
      { id: transport, onchange: redraw },
      h('option', { value: '' }, say('sessions.any')),
      ...['udp', 'tcp', 'tls', 'dtls'].map(via => h('option', { value: via }, via.toUpperCase())),
      h('option', { value: '4' }, 'IPv4'),
      h('option', { value: '6' }, 'IPv6'),
    )
    this.#names = namesButton(context)
    this.element = h(
      'div',
      {},
      h('p', { class: 'lead' }, say('sessions.lead')),
      h(
        'div',
        { class: 'tools' },
        this.#finder.element,
        h('p', {}, h('label', { for: transport }, say('sessions.kind')), this.#transport),
        this.#names.element,
      ),
      this.#count,
      this.#table.element,
      csvButton(context, () => 'sessions.csv'),
    )
  }

  update(): void {
    const { store, words } = this.#context
    const all = [...store.sessions.values()]
    const shown = (this.#finder.sessions(all, store.more) ?? all).filter(session => this.#matches(session))
    const texts = [
      shown.length === all.length
        ? words.count('sessions', all.length)
        : words.say('sessions.of', {
            n: words.format.integer(shown.length),
            all: words.format.integer(all.length),
          }),
    ]
    if (store.more > 0) texts.push(words.count('sessions.more', store.more))
    setText(this.#count, texts.join(' · '))
    this.#names.update()
    // Somebody may be using the relay, only not somebody who matches.
    const empty = all.length > 0 ? words.say('sessions.no-match') : words.say('sessions.empty')
    this.#table.update(shown, empty)
  }

  #matches(session: SessionView): boolean {
    const kind = this.#transport.value
    if (
      kind === '4' || kind === '6'
        ? session.clientFamily !== Number(kind)
        : kind && session.transport !== kind
    )
      return false
    const wanted = this.#finder.text
    if (wanted === '') return true
    const { names } = this.#context
    const fields = [
      session.homeserver,
      session.user,
      session.client,
      session.id,
      ...session.relayed,
      names.user(session.user) ?? '',
      names.client(session.id) ?? '',
    ]
    return fields.some(field => field.toLowerCase().includes(wanted))
  }

  #columns(): Column<SessionView>[] {
    const { words, store, names } = this.#context
    const { say, format } = words
    const now = () => store.status?.at ?? 0
    const total = ({ traffic }: SessionView) => traffic.toPeer.bytes + traffic.toClient.bytes
    return [
      {
        name: 'user',
        title: say('column.user'),
        head: true,
        sort: ({ user }) => names.user(user) ?? user,
        draw: (cell, session) => {
          const [name, more] = cell.children.length === 2 ? [...cell.children] : [h('span'), h('small')]
          if (cell.children.length !== 2) cell.replaceChildren(name!, more!)
          setText(name!, personName(session.user, this.#context))
          const client = names.client(session.id)
          setText(more!, client === undefined ? session.homeserver : `${client} · ${session.homeserver}`)
          setAttribute(cell, 'title', session.relayed.join(', '))
        },
      },
      {
        name: 'transport',
        title: say('column.transport'),
        sort: ({ transport, clientFamily }) => `${transport} ${clientFamily}`,
        text: ({ transport, clientFamily }) => `${transport.toUpperCase()} · IPv${clientFamily}`,
      },
      {
        name: 'age',
        title: say('column.age'),
        number: true,
        sort: ({ since }) => now() - since,
        text: ({ since }) => format.duration(now() - since),
      },
      {
        name: 'rate',
        title: say('column.rate'),
        number: true,
        sort: ({ rate }) => rate.toPeer.bytes + rate.toClient.bytes,
        draw: (cell, { rate }) => {
          const [up, down] = cell.children.length === 2 ? [...cell.children] : [h('span'), h('span')]
          if (cell.children.length !== 2) cell.replaceChildren(up!, down!)
          setText(up!, `↑ ${format.bitrate(rate.toPeer.bytes)}`)
          setText(down!, `↓ ${format.bitrate(rate.toClient.bytes)}`)
        },
      },
      {
        name: 'total',
        title: say('column.total'),
        number: true,
        sort: total,
        text: session => format.bytes(total(session)),
      },
      {
        name: 'peers',
        title: say('column.peers'),
        number: true,
        sort: ({ permissions }) => permissions,
        text: ({ permissions }) => format.integer(permissions),
      },
      {
        name: 'dropped',
        title: say('column.dropped'),
        number: true,
        sort: ({ dropped }) => dropped,
        text: session => {
          const sent = session.traffic.toPeer.packets + session.traffic.toClient.packets
          const share = session.dropped / Math.max(1, sent + session.dropped)
          return session.dropped === 0 ? '0' : `${format.integer(session.dropped)} (${format.percent(share)})`
        },
      },
      ...(store.rights === 'act' ? [this.#disconnectColumn()] : []),
    ]
  }

  #disconnectColumn(): Column<SessionView> {
    const { say } = this.#context.words
    return {
      name: 'act',
      title: say('column.act'),
      draw: (cell, session) => {
        if (cell.firstChild) return
        const label = say('act.disconnect')
        const button = h('button', { type: 'button', onclick: () => this.#disconnect(session) }, label)
        button.setAttribute(
          'aria-label',
          `${label}: ${personName(session.user, this.#context)}, ${session.transport.toUpperCase()}`,
        )
        cell.append(button)
      },
    }
  }

  #disconnect({ id, user, transport, homeserver }: SessionView): void {
    const { say } = this.#context.words
    const who = personName(user, this.#context)
    const via = transport.toUpperCase()
    void act(
      this.#context,
      {
        title: say('disconnect.title'),
        text: say('disconnect.session', { who, via, homeserver: homeserver || '–' }),
        act: say('act.disconnect'),
        danger: true,
      },
      `sessions/${encodeURIComponent(id)}/disconnect`,
      () => say('disconnect.done', { who }),
    )
  }
}
