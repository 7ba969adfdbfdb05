import type { NamesView as Answer, ChangesView } from '../control/view.ts'
import type { Api } from './api.ts'
import type { Store } from './store.ts'

/** Most that one request may ask for. */
const MOST = 1000

/** Real names and addresses, for as long as the operator wants to see them. They are kept nowhere but here. */
export class NameBook {
  readonly #users = new Map<string, string>()
  readonly #clients = new Map<string, string>()
  #shown = false

  get shown(): boolean {
    return this.#shown
  }

  user(pseudonym: string): string | undefined {
    return this.#users.get(pseudonym)
  }

  client(session: string): string | undefined {
    return this.#clients.get(session)
  }

  /** Asks for the names of everybody who is in the list now or is blocked; the relay writes that down. */
  async fetch(api: Api, store: Store): Promise<void> {
    const sessions = [...store.sessions.values()].slice(0, MOST)
    const { changes } = await api.get<ChangesView>('changes')
    const all = [...sessions, ...changes].map(({ user = '' }) => user).filter(user => user !== '')
    const users = [...new Set(all)].slice(0, MOST)
    const answer = await api.post<Answer>('names', { users, sessions: sessions.map(({ id }) => id) })
    this.hide()
    for (const [user, name] of Object.entries(answer.users)) this.#users.set(user, name)
    for (const [id, { client }] of Object.entries(answer.sessions)) this.#clients.set(id, client)
    this.#shown = true
  }

  /** Keeps the name of one person, who was looked up by it. */
  learn(pseudonym: string, name: string): void {
    this.#users.set(pseudonym, name)
  }

  /** Hides the name of one person again, unless all are shown. */
  forget(pseudonym: string): void {
    if (!this.#shown) this.#users.delete(pseudonym)
  }

  hide(): void {
    this.#users.clear()
    this.#clients.clear()
    this.#shown = false
  }
}
