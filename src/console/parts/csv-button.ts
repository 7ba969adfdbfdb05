import { failureText } from '../api.ts'
import type { ConsoleContext } from '../context.ts'
import { h } from './dom.ts'

/** A button that downloads a table of the API; a link could not show the token. */
export function csvButton(context: ConsoleContext, path: () => string): HTMLElement {
  const { api, words, tell } = context
  const { say } = words
  const download = async () => {
    try {
      const { name, blob } = await api.download(path())
      const url = URL.createObjectURL(blob)
      h('a', { href: url, download: name }).click()
      URL.revokeObjectURL(url)
      tell(say('csv.done', { name }))
    } catch (error) {
      tell(say('act.failed', { why: failureText(error, words) }), 'bad')
    }
  }
  return h(
    'p',
    { class: 'csv' },
    h('button', { type: 'button', onclick: () => void download() }, say('csv.download')),
  )
}
