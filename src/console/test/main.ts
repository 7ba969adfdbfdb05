import type { Language } from '../../texts/language.ts'
import { Api } from '../api.ts'
import { type TestOutcome, TestPage } from './page.ts'
import { testWords } from './words.ts'

const root = document.getElementById('app')!
const api = new Api('')
let outcome: TestOutcome | undefined

show()
window.addEventListener('hashchange', show)

function show(): void {
  // early.ts has chosen the language.
  const words = testWords(document.documentElement.lang as Language)
  const onLanguage = () => {
    show()
    root.querySelector<HTMLElement>('[data-picker=language]')?.focus()
  }
  const onOutcome = (found: TestOutcome) => {
    outcome = found
  }
  const code = decodeURIComponent(location.hash.slice(1))
  new TestPage(root, { words, api, code, outcome, onOutcome, onLanguage }).show()
}
