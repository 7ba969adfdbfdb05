import type { SetupFacts } from '../../control/setup/setup-shapes.ts'
import type { Language } from '../../texts/language.ts'
import { h } from '../parts/dom.ts'
import { plainHeader } from '../parts/pickers.ts'
import { SetupForm } from './form.ts'
import { type Begun, SetupLink } from './link.ts'
import { showOutcome } from './outcome.ts'
import { type SetupWords, setupWords } from './words.ts'

const root = document.getElementById('app')!
const link = new SetupLink()
/** What was typed outlives a change of the language. */
let form: SetupForm | undefined
let begun: Begun | undefined
let outcome: Parameters<typeof showOutcome>[2] | undefined

void link.begin().then(found => {
  begun = found
  show()
})

function show(): void {
  // early.ts has chosen the language.
  const words = setupWords(document.documentElement.lang as Language)
  const main = h('main', { class: 'setup' }, h('h1', { tabindex: -1 }, words.say('title')))
  document.title = `${words.say('title')} – taciturn`
  const onLanguage = () => {
    show()
    root.querySelector<HTMLElement>('[data-picker=language]')?.focus()
  }
  root.replaceChildren(plainHeader(words, onLanguage), main)
  if (outcome) showOutcome(main, words, outcome, link)
  else if (begun?.ok) showForm(main, words, begun.facts)
  else if (begun) main.append(h('p', { class: 'refused', role: 'alert' }, words.say(begun.why)))
}

function showForm(main: HTMLElement, words: SetupWords, facts: SetupFacts): void {
  form = new SetupForm(words, facts, form?.answers, async answers => {
    const written = await link.write(answers, words)
    if (written.ok) {
      outcome = { written, facts, answers }
      show()
      main.ownerDocument.querySelector<HTMLElement>('h1')?.focus()
    }
    return written
  })
  main.append(form.element)
}
