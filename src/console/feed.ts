import type { FeedHello, FeedMessage } from '../control/view.ts'
import type { Language } from '../texts/language.ts'
import { backOff } from './back-off.ts'
import type { Store } from './store.ts'

/** How the console hangs on the relay. */
export type FeedLink =
  | { readonly state: 'connecting' | 'live' | 'paused' | 'refused' }
  /** `why` the relay refused, where it did. */
  | { readonly state: 'waiting'; readonly seconds: number; readonly why: string | undefined }

/** Something comes every second; after this long without, the connection is dead. */
const SILENCE = 10_000
/** The feed closes with this where the token is not good. */
const NO_TOKEN = 4401

export interface FeedOptions {
  readonly url: string
  readonly token: string
  readonly store: Store
  /** The language of the page. */
  language(): Language
  /** After each message that changed the store. */
  onChange(): void
  onLink(link: FeedLink): void
}

/** The live feed: goes on where it was after a break, waits longer each time, and rests while nobody looks. */
export class FeedConnection {
  readonly #options: FeedOptions
  #socket: WebSocket | undefined
  #live = false
  #failures = 0
  #why: string | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #silence: ReturnType<typeof setTimeout> | undefined

  constructor(options: FeedOptions) {
    this.#options = options
  }

  /** Connects at once, also when it was waiting. */
  start(): void {
    this.#clear()
    this.#options.onLink({ state: 'connecting' })
    const socket = new WebSocket(this.#options.url)
    this.#socket = socket
    this.#watch(socket)
    socket.addEventListener('open', () => {
      const { token, language, store } = this.#options
      const hello: FeedHello = { type: 'hello', token, language: language(), ...store.position }
      socket.send(JSON.stringify(hello))
    })
    socket.addEventListener('message', event => this.#received(socket, String(event.data)))
    socket.addEventListener('close', event => {
      if (socket === this.#socket && event.code === NO_TOKEN) this.#refused()
      else this.#lost(socket)
    })
  }

  /** Hangs up until `start`; what was told stays. */
  pause(): void {
    this.#clear()
    this.#options.onLink({ state: 'paused' })
  }

  #received(socket: WebSocket, text: string): void {
    if (socket !== this.#socket) return
    const message = JSON.parse(text) as FeedMessage
    if (message.type === 'refused') {
      // Whether to come back is told by the code that it closes with.
      this.#why = `${message.error} – ${message.hint}`
      return
    }
    this.#watch(socket)
    const { store, onChange, onLink } = this.#options
    const applied = store.apply(message)
    if (applied === 'gap') {
      store.forgetPosition()
      this.#lost(socket)
      return
    }
    if (this.#failures > 0 || message.type === 'snapshot' || !this.#live) onLink({ state: 'live' })
    this.#live = true
    this.#failures = 0
    this.#why = undefined
    if (applied === 'done') onChange()
  }

  #refused(): void {
    this.#clear()
    this.#options.onLink({ state: 'refused' })
  }

  #lost(socket: WebSocket): void {
    if (socket !== this.#socket) return
    this.#clear()
    this.#failures++
    const wait = backOff(this.#failures, crypto.getRandomValues(new Uint32Array(1))[0]! / 2 ** 32)
    this.#options.onLink({ state: 'waiting', seconds: Math.round(wait / 1000), why: this.#why })
    this.#timer = setTimeout(() => this.start(), wait)
  }

  #watch(socket: WebSocket): void {
    clearTimeout(this.#silence)
    this.#silence = setTimeout(() => this.#lost(socket), SILENCE)
  }

  #clear(): void {
    clearTimeout(this.#timer)
    clearTimeout(this.#silence)
    const socket = this.#socket
    this.#socket = undefined
    this.#live = false
    socket?.close()
  }
}
