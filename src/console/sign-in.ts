import type { SignInInfo } from '../control/view.ts'
import { Api } from './api.ts'
import { h, newId } from './parts/dom.ts'
import { plainHeader } from './parts/pickers.ts'
import type { ConsoleWords, TextKey } from './words.ts'

export interface SignInOptions {
  readonly words: ConsoleWords
  /** The last token was not accepted. */
  readonly isRefused: boolean
  /** What came of signing in with an account, as the relay says it. */
  readonly outcome?: string | undefined
  onToken(token: string): void
  onLanguage(): void
}

/** Asks for a token, or to sign in with an account where that is possible. */
export function showSignIn(
  root: HTMLElement,
  { words, isRefused, outcome, onToken, onLanguage }: SignInOptions,
): void {
  const { say } = words
  const id = newId('token')
  const input = h('input', { id, type: 'password', autocomplete: 'current-password', required: true })
  const submit = (event: Event) => {
    event.preventDefault()
    const token = input.value.trim()
    if (token !== '') onToken(token)
  }
  const isOutcome = ['refused', 'failed', 'expired'].includes(outcome ?? '')
  const account = h('p', { class: 'account' })
  void showAccount(account, words)
  document.title = `${say('sign-in.title')} – taciturn`
  root.replaceChildren(
    plainHeader(words, onLanguage),
    h(
      'main',
      { class: 'sign-in' },
      h('h1', {}, say('sign-in.title')),
      h('p', {}, say('sign-in.text')),
      isRefused && h('p', { class: 'refused', role: 'alert' }, say('sign-in.refused')),
      isOutcome && h('p', { class: 'refused', role: 'alert' }, say(`sign-in.oidc.${outcome}` as TextKey)),
      account,
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
      h('p', { class: 'quiet' }, say('sign-in.help')),
    ),
  )
  input.focus()
}

/** Offers the provider, where the relay knows one. */
async function showAccount(into: HTMLElement, { say }: ConsoleWords): Promise<void> {
  try {
    const { oidc } = await new Api('').get<SignInInfo>('sign-in')
    if (oidc === undefined) return
    into.append(
      h('a', { class: 'button primary', href: 'oidc/login' }, say('sign-in.account', { provider: oidc })),
      h('small', {}, say('sign-in.or')),
    )
  } catch {
    // A relay that does not answer has no account to offer; the token says so as well.
  }
}
