import type { Language } from '../texts/language.ts'
import { App } from './app.ts'
import { showSignIn } from './sign-in.ts'
import { readToken, writeToken } from './storage.ts'
import { wordsOf } from './words.ts'

const root = document.getElementById('app')!
let app: App | undefined

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
      writeToken(given)
      show()
    }
    showSignIn(root, { words, isRefused, onToken, onLanguage })
    return
  }
  const onSignedOut = (isRefusal: boolean) => {
    writeToken('')
    show(isRefusal)
  }
  app = new App(root, { words, token, onLanguage, onSignedOut })
  app.start()
}

/** A token behind `#` leaves the address bar and the history at once. */
function takeTokenFromAddress(): boolean {
  const token = /^#token=(.+)$/.exec(location.hash)?.[1]
  if (token === undefined) return false
  writeToken(decodeURIComponent(token))
  history.replaceState(null, '', `${location.pathname}${location.search}`)
  return true
}
