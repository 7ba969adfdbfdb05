import { h, newId } from './parts/dom.ts'
import { pickers } from './parts/pickers.ts'
import type { ConsoleWords } from './words.ts'

export interface SignInOptions {
  readonly words: ConsoleWords
  /** The last token was not accepted. */
  readonly isRefused: boolean
  onToken(token: string): void
  onLanguage(): void
}

/** Asks for a token. */
export function showSignIn(
  root: HTMLElement,
  { words, isRefused, onToken, onLanguage }: SignInOptions,
): void {
  const { say } = words
  const id = newId('token')
  const input = h('input', { id, type: 'password', autocomplete: 'current-password', required: true })
  const submit = (event: Event) => {
    event.preventDefault()
    const token = input.value.trim()
    if (token !== '') onToken(token)
  }
  document.title = `${say('sign-in.title')} – taciturn`
  root.replaceChildren(
    h(
      'header',
      {},
      h('p', { class: 'brand' }, h('b', {}, 'taciturn')),
      h('p', { class: 'pickers' }, ...pickers(words, onLanguage)),
    ),
    h(
      'main',
      { class: 'sign-in' },
      h('h1', {}, say('sign-in.title')),
      h('p', {}, say('sign-in.text')),
      isRefused && h('p', { class: 'refused', role: 'alert' }, say('sign-in.refused')),
      h(
        'form',
        { onsubmit: submit },
        h('label', { for: id }, say('sign-in.token')),
        // Password managers want a name beside the password.
        h('input', {
          type: 'text',
          autocomplete: 'username',
          value: 'taciturn',
          hidden: true,
          readonly: true,
        }),
        input,
        h('button', { class: 'primary' }, say('sign-in.go')),
      ),
    ),
  )
  input.focus()
}
