import type { Language } from '../../texts/language.ts'
import { testWords } from '../../verdict/words.ts'
import { Api } from '../api.ts'
import { type TestOutcome, TestPage } from './page.ts'

const root = document.getElementById('app')!
const api = new Api('')
let kept: { readonly code: string; readonly outcome: TestOutcome } | undefined

show()
window.addEventListener('hashchange', show)

function show(): void {
  // early.ts has chosen the language.
  const words = testWords(document.documentElement.lang as Language)
  const onLanguage = () => {
    show()
    root.querySelector<HTMLElement>('[data-picker=language]')?.focus()
  }
  const code = decodeURIComponent(location.hash.slice(1))
  const outcome = readOutcome(code)
  const onOutcome = (found: TestOutcome) => keepOutcome(code, found)
  new TestPage(root, { words, api, code, outcome, onOutcome, onLanguage }).show()
}

/** The result stays with the tab and its link, so that loading the page again does not lose it. */
function keepOutcome(code: string, outcome: TestOutcome): void {
  kept = { code, outcome }
  try {
    sessionStorage.setItem('taciturn-test', JSON.stringify(kept))
  } catch {}
}

function readOutcome(code: string): TestOutcome | undefined {
  try {
    kept ??= JSON.parse(sessionStorage.getItem('taciturn-test') ?? 'null') ?? undefined
  } catch {}
  return kept?.code === code ? kept.outcome : undefined
}
