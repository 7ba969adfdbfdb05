import { h, setText } from './dom.ts'

/** Nobody wants to be interrupted oftener than this, in milliseconds. */
const EVERY = 10_000

/** Tells screen readers what has changed, politely, the latest only and at most every ten seconds. */
export class Announcer {
  readonly element = h('div', { class: 'unseen', 'aria-live': 'polite', 'data-announcer': true })
  #last = Number.NEGATIVE_INFINITY
  #said = ''
  #timer: ReturnType<typeof setTimeout> | undefined

  say(text: string): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (text === this.#said) return
    const wait = this.#last + EVERY - performance.now()
    if (wait > 0) this.#timer = setTimeout(() => this.#speak(text), wait)
    else this.#speak(text)
  }

  #speak(text: string): void {
    this.#timer = undefined
    this.#last = performance.now()
    this.#said = text
    setText(this.element, text)
  }
}
