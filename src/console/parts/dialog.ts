import type { ConsoleWords } from '../words.ts'
import { h, newId } from './dom.ts'

/** What a confirmation asks. */
export interface DialogQuestion {
  readonly title: string
  readonly text: string
  /** The word on the button that does it. */
  readonly act: string
  readonly danger?: boolean
  /** What it asks for besides, below the text. */
  readonly fields?: readonly HTMLElement[]
}

/** Asks in a modal dialog of the browser; Escape and Cancel say no. */
export function confirmIn(
  parent: HTMLElement,
  words: ConsoleWords,
  question: DialogQuestion,
): Promise<boolean> {
  const title = newId('dialog')
  const text = newId('dialog')
  const dialog = h(
    'dialog',
    { 'aria-labelledby': title, 'aria-describedby': text },
    h(
      'form',
      { method: 'dialog' },
      h('h2', { id: title }, question.title),
      h('p', { id: text }, question.text),
      ...(question.fields ?? []),
      h(
        'p',
        { class: 'buttons' },
        h(
          'button',
          { value: 'no', autofocus: question.fields === undefined, formnovalidate: true },
          words.say('act.cancel'),
        ),
        h('button', { value: 'yes', class: question.danger ? 'danger' : 'primary' }, question.act),
      ),
    ),
  )
  parent.append(dialog)
  return new Promise(resolve => {
    dialog.addEventListener('close', () => {
      dialog.remove()
      resolve(dialog.returnValue === 'yes')
    })
    dialog.showModal()
  })
}
