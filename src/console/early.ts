import { chooseLanguage } from '../texts/language.ts'
import { read } from './storage.ts'

/* Runs before the first paint, so that the page does not change colour under the eyes. */
const root = document.documentElement
const theme = read('theme')
if (theme === 'light' || theme === 'dark') root.dataset.theme = theme
root.lang = chooseLanguage([
  new URLSearchParams(location.search).get('lang'),
  read('language'),
  ...navigator.languages,
])
