import type { Language } from '../../texts/language.ts'
import { read, remember } from '../storage.ts'
import { h, newId } from './dom.ts'

const LANGUAGES: Readonly<Record<Language, string>> = { en: 'English', de: 'Deutsch' }

/** What the pickers say. */
export interface PickerWords {
  readonly language: Language
  say(key: 'header.language' | 'header.theme' | 'theme.auto' | 'theme.light' | 'theme.dark'): string
}

/** The choices of language and of light or dark; the browser keeps them. */
export function pickers(words: PickerWords, onLanguage: () => void): HTMLElement[] {
  const { say } = words
  const language = picker(say('header.language'), Object.entries(LANGUAGES), words.language, chosen => {
    remember('language', chosen)
    document.documentElement.lang = chosen
    onLanguage()
  })
  language.querySelector('select')!.dataset.picker = 'language'
  const themes = (['auto', 'light', 'dark'] as const).map(name => [name, say(`theme.${name}`)] as const)
  const theme = picker(say('header.theme'), themes, read('theme') ?? 'auto', chosen => {
    remember('theme', chosen)
    if (chosen === 'auto') delete document.documentElement.dataset.theme
    else document.documentElement.dataset.theme = chosen
  })
  return [language, theme]
}

function picker(
  title: string,
  options: readonly (readonly [string, string])[],
  chosen: string,
  choose: (value: string) => void,
): HTMLElement {
  const id = newId('picker')
  const select = h(
    'select',
    { id },
    ...options.map(([value, text]) => h('option', { value, selected: value === chosen }, text)),
  )
  select.addEventListener('change', () => choose(select.value))
  return h('span', {}, h('label', { for: id, class: 'unseen' }, title), select)
}

/** The header of a page without navigation. */
export function plainHeader(words: PickerWords, onLanguage: () => void): HTMLElement {
  return h(
    'header',
    {},
    h('p', { class: 'brand' }, h('b', {}, 'taciturn')),
    h('p', { class: 'pickers' }, ...pickers(words, onLanguage)),
  )
}
