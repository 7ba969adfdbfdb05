import type { HomeserverView, SessionView } from '../../control/view.ts'
import { act } from '../acts.ts'
import { blockUser, pauseHomeserver } from '../change-acts.ts'
import type { ConsoleContext, View } from '../context.ts'
import { h } from '../parts/dom.ts'
import { namesButton } from '../parts/names-button.ts'
import { personName } from '../parts/person.ts'
import { type Column, Table } from '../parts/table.ts'

/** Somebody's sessions together. */
interface Person {
  readonly user: string
  readonly homeserver: string
  readonly sessions: number
  readonly since: number
  readonly rate: number
  readonly bytes: number
  readonly dropped: number
}

/** Who the relay works for: homeservers by name, people by pseudonym. */
export class People implements View {
  readonly element: HTMLElement
  readonly #context: ConsoleContext
  readonly #homeservers: Table<HomeserverView>
  readonly #users: Table<Person>
  readonly #names: { readonly element: HTMLElement; update(): void }

  constructor(context: ConsoleContext) {
    this.#context = context
    const { words } = context
    const { say } = words
    this.#homeservers = new Table(words, {
      caption: say('people.homeservers'),
      columns: this.#homeserverColumns(),
      key: ({ name }) => name,
      sort: { column: 'sessions', descending: true },
      empty: say('people.no-homeservers'),
    })
    this.#users = new Table(words, {
      caption: say('people.users'),
      columns: this.#userColumns(),
      key: ({ homeserver, user }) => `${homeserver} ${user}`,
      sort: { column: 'rate', descending: true },
      empty: say('sessions.empty'),
    })
    this.#names = namesButton(context)
    this.element = h(
      'div',
      {},
      h(
        'section',
        { 'aria-labelledby': 'homeservers' },
        h('h2', { id: 'homeservers' }, say('people.homeservers')),
        this.#homeservers.element,
      ),
      h(
        'section',
        { 'aria-labelledby': 'users' },
        h('div', { class: 'head' }, h('h2', { id: 'users' }, say('people.users')), this.#names.element),
        h('p', { class: 'lead' }, say('people.lead')),
        this.#users.element,
      ),
    )
  }

  update(): void {
    const { store } = this.#context
    this.#names.update()
    this.#homeservers.update(store.status?.homeservers ?? [])
    this.#users.update(people(store.sessions.values()))
  }

  #homeserverColumns(): Column<HomeserverView>[] {
    const { say, format } = this.#context.words
    return [
      {
        name: 'name',
        title: say('column.homeserver'),
        head: true,
        sort: ({ name }) => name,
        text: ({ name, paused }) => (paused ? `${name} (${say('people.paused')})` : name),
      },
      {
        name: 'sessions',
        title: say('column.sessions'),
        number: true,
        sort: ({ allocations }) => allocations,
        text: ({ allocations, limit }) =>
          limit === undefined
            ? format.integer(allocations)
            : `${format.integer(allocations)} / ${format.integer(limit)}`,
      },
      {
        name: 'opened',
        title: say('column.opened'),
        number: true,
        sort: ({ opened }) => opened,
        text: ({ opened }) => format.integer(opened),
      },
      {
        name: 'issued',
        title: say('column.issued'),
        number: true,
        sort: ({ issued }) => issued,
        text: ({ issued }) => format.integer(issued),
      },
      {
        name: 'toPeer',
        title: say('card.to-peers'),
        number: true,
        sort: ({ bytesToPeer }) => bytesToPeer,
        text: ({ bytesToPeer }) => format.bytes(bytesToPeer),
      },
      {
        name: 'toClient',
        title: say('card.to-clients'),
        number: true,
        sort: ({ bytesToClient }) => bytesToClient,
        text: ({ bytesToClient }) => format.bytes(bytesToClient),
      },
      ...(this.#context.store.rights === 'act' ? [this.#pauseColumn()] : []),
    ]
  }

  #userColumns(): Column<Person>[] {
    const { words, store } = this.#context
    const { say, format } = words
    const now = () => store.status?.at ?? 0
    return [
      {
        name: 'user',
        title: say('column.user'),
        head: true,
        sort: ({ user }) => personName(user, this.#context),
        text: ({ user }) => personName(user, this.#context),
      },
      {
        name: 'homeserver',
        title: say('column.homeserver'),
        sort: ({ homeserver }) => homeserver,
        text: ({ homeserver }) => homeserver || '–',
      },
      {
        name: 'sessions',
        title: say('column.sessions'),
        number: true,
        sort: ({ sessions }) => sessions,
        text: ({ sessions }) => format.integer(sessions),
      },
      {
        name: 'age',
        title: say('column.oldest'),
        number: true,
        sort: ({ since }) => now() - since,
        text: ({ since }) => format.duration(now() - since),
      },
      {
        name: 'rate',
        title: say('column.rate'),
        number: true,
        sort: ({ rate }) => rate,
        text: ({ rate }) => format.bitrate(rate),
      },
      {
        name: 'total',
        title: say('column.total'),
        number: true,
        sort: ({ bytes }) => bytes,
        text: ({ bytes }) => format.bytes(bytes),
      },
      {
        name: 'dropped',
        title: say('column.dropped'),
        number: true,
        sort: ({ dropped }) => dropped,
        text: ({ dropped }) => format.integer(dropped),
      },
      ...(store.rights === 'act' ? [this.#actColumn()] : []),
    ]
  }

  #pauseColumn(): Column<HomeserverView> {
    const { say } = this.#context.words
    return {
      name: 'act',
      title: say('column.act'),
      draw: (cell, { name, paused }) => {
        const label = say(paused ? 'act.resume' : 'act.pause')
        const button = cell.querySelector('button')
        if (button?.textContent === label) return
        const press = () => pauseHomeserver(this.#context, name, !paused)
        const fresh = h(
          'button',
          { type: 'button', onclick: press, 'aria-label': `${label}: ${name}` },
          label,
        )
        if (button) button.replaceWith(fresh)
        else cell.append(fresh)
      },
    }
  }

  #actColumn(): Column<Person> {
    const { say } = this.#context.words
    return {
      name: 'act',
      title: say('column.act'),
      draw: (cell, { user, homeserver }) => {
        if (cell.firstChild || user === '') return
        const button = (label: string, press: () => void) =>
          h(
            'button',
            {
              type: 'button',
              onclick: press,
              'aria-label': `${label}: ${personName(user, this.#context)}`,
            },
            label,
          )
        cell.append(
          button(say('act.disconnect-user'), () => this.#disconnect(user)),
          ' ',
          button(say('act.block'), () => blockUser(this.#context, user, homeserver)),
        )
      },
    }
  }

  #disconnect(user: string): void {
    const { say } = this.#context.words
    const who = personName(user, this.#context)
    void act(
      this.#context,
      {
        title: say('disconnect.user-title'),
        text: say('disconnect.user', { who }),
        act: say('act.disconnect-user'),
        danger: true,
      },
      `users/${encodeURIComponent(user)}/disconnect`,
      () => say('disconnect.done', { who }),
    )
  }
}

function people(sessions: Iterable<SessionView>): Person[] {
  const found = new Map<string, Person>()
  for (const session of sessions) {
    const { user, homeserver, since, dropped } = session
    const key = `${homeserver} ${user}`
    const there = found.get(key)
    found.set(key, {
      user,
      homeserver,
      sessions: (there?.sessions ?? 0) + 1,
      since: Math.min(there?.since ?? since, since),
      rate: (there?.rate ?? 0) + session.rate.toPeer.bytes + session.rate.toClient.bytes,
      bytes: (there?.bytes ?? 0) + session.traffic.toPeer.bytes + session.traffic.toClient.bytes,
      dropped: (there?.dropped ?? 0) + dropped,
    })
  }
  return [...found.values()]
}
