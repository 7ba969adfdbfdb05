import { Api } from '../api.ts'
import type { Language } from '../language.ts'
import { wordsFrom } from '../words.ts'
import { type Outcome, TestPage } from './page.ts'
import { DE } from './texts-de.ts'
import { EN } from './texts-en.ts'

const root = document.getElementById('app')!
const api = new Api('')
let outcome: Outcome | undefined

show()
window.addEventListener('hashchange', show)

function show(): void {
  // early.ts has chosen the language.
  const words = wordsFrom({ en: EN, de: DE }, document.documentElement.lang as Language)
  const onLanguage = () => {
    show()
    root.querySelector<HTMLElement>('[data-picker=language]')?.focus()
  }
  const onOutcome = (found: Outcome) => {
    outcome = found
  }
  const code = decodeURIComponent(location.hash.slice(1))
  new TestPage(root, { words, api, code, outcome, onOutcome, onLanguage }).show()
}
