import { actButton } from '../acts.ts'
import { failureText } from '../api.ts'
import type { ConsoleContext } from '../context.ts'
import { setText } from './dom.ts'

/** The button that asks for real names, with what it costs beside it. */
export function namesButton(context: ConsoleContext): { readonly element: HTMLElement; update(): void } {
  const { words, names, api, store } = context
  const { say } = words
  const press = async () => {
    if (names.shown) {
      names.hide()
      context.redraw()
      return
    }
    const question = { title: say('names.title'), text: say('names.text'), act: say('names.show') }
    if (!(await context.confirm(question))) return
    try {
      await names.fetch(api, store)
      context.tell(say('names.done'), 'good')
    } catch (error) {
      context.tell(say('act.failed', { why: failureText(error, context.words) }), 'bad')
    }
    context.redraw()
  }
  const element = actButton(context, say('names.show'), () => void press())
  const button = element.querySelector('button')!
  const update = () => setText(button, say(names.shown ? 'names.hide' : 'names.show'))
  update()
  return { element, update }
}
