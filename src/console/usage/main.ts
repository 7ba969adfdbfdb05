import type { Language } from '../../texts/language.ts'
import { Api } from '../api.ts'
import { UsagePage } from './page.ts'
import { ownWords } from './words.ts'

const KEPT = 'taciturn-usage'
const root = document.getElementById('app')!
const api = new Api('')

show()
window.addEventListener('hashchange', show)

function show(): void {
  // early.ts has chosen the language.
  // Days and months are those of UTC.
  const words = ownWords(document.documentElement.lang as Language, 'UTC')
  const onLanguage = () => {
    show()
    root.querySelector<HTMLElement>('[data-picker=language]')?.focus()
  }
  void new UsagePage(root, { words, api, token: takeToken(), onLanguage }).show()
}

/** The token leaves the address, which may be seen and copied, and stays with the tab. */
function takeToken(): string {
  const given = decodeURIComponent(location.hash.slice(1))
  try {
    if (given !== '') {
      sessionStorage.setItem(KEPT, given)
      history.replaceState(undefined, '', location.pathname + location.search)
    }
    return sessionStorage.getItem(KEPT) ?? given
  } catch {
    return given
  }
}
