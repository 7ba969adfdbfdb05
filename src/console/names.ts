import type { NamesView as Answer } from '../control/view.ts'
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

  /** Asks for the names of everybody who is in the list now; the relay writes that down. */
  async fetch(api: Api, store: Store): Promise<void> {
    const sessions = [...store.sessions.values()].slice(0, MOST)
    const users = [...new Set(sessions.map(({ user }) => user).filter(user => user !== ''))]
    const answer = await api.post<Answer>('names', { users, sessions: sessions.map(({ id }) => id) })
    this.hide()
    for (const [user, name] of Object.entries(answer.users)) this.#users.set(user, name)
    for (const [id, { client }] of Object.entries(answer.sessions)) this.#clients.set(id, client)
    this.#shown = true
  }

  hide(): void {
    this.#users.clear()
    this.#clients.clear()
    this.#shown = false
  }
}
