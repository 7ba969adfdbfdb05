import type { Language } from '../texts/language.ts'
import { Api } from './api.ts'
import { App } from './app.ts'
import { showSignIn } from './sign-in.ts'
import { readToken, writeToken } from './storage.ts'
import { wordsOf } from './words.ts'

const root = document.getElementById('app')!
let app: App | undefined
/** What came of signing in with an account. */
let outcome: string | undefined

takeTokenFromAddress()
window.addEventListener('hashchange', () => {
  if (takeTokenFromAddress()) show()
})
// What the page brings along is painted first; to a slow machine that is a visible difference.
if (document.hidden) show()
else requestAnimationFrame(() => setTimeout(show))

/** Builds the page for the language and the token that there are. */
function show(isRefused = false): void {
  app?.stop()
  app = undefined
  // early.ts has chosen it.
  const words = wordsOf(document.documentElement.lang as Language)
  const token = readToken()
  const onLanguage = () => {
    show(isRefused)
    root.querySelector<HTMLElement>('[data-picker=language]')?.focus()
  }
  if (token === '') {
    const onToken = (given: string) => {
      outcome = undefined
      writeToken(given)
      show()
    }
    showSignIn(root, { words, isRefused, outcome, onToken, onLanguage })
    return
  }
  const onSignedOut = (isRefusal: boolean) => {
    // A link or a sign-in ends with it; should the relay not hear of it, it ends by itself.
    if (!isRefusal) void new Api(token).post('sign-out').catch(() => {})
    writeToken('')
    show(isRefusal)
  }
  app = new App(root, { words, token, onLanguage, onSignedOut })
  app.start()
}

/** A token behind `#` leaves the address bar and the history at once. */
function takeTokenFromAddress(): boolean {
  const token = /^#token=(.+)$/.exec(location.hash)?.[1]
  outcome = /^#sign-in=(\w+)$/.exec(location.hash)?.[1]
  if (token === undefined && outcome === undefined) return false
  if (token !== undefined) writeToken(decodeURIComponent(token))
  history.replaceState(null, '', `${location.pathname}${location.search}`)
  return true
}
