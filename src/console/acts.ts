import { ApiFailure, failureText } from './api.ts'
import type { ConsoleContext } from './context.ts'
import type { DialogQuestion } from './parts/dialog.ts'
import { h, newId } from './parts/dom.ts'

/** What to say after an act; `bad` when the relay did not do it, `change` where it can be undone by that id. */
export type ActOutcome =
  | string
  | { readonly bad: string }
  | { readonly good: string; readonly change: string }

/** Asks, does it, and says what came of it. */
export async function act(
  context: ConsoleContext,
  question: DialogQuestion,
  path: string,
  done: (answer: unknown) => ActOutcome,
  body: () => unknown = () => ({}),
): Promise<void> {
  if (!(await context.confirm(question))) return
  try {
    const outcome = done(await context.api.post(path, body()))
    // The row of the button may be about to go, and the focus with it.
    if (question.danger) document.querySelector<HTMLElement>('main h1')?.focus()
    if (typeof outcome === 'string') context.tell(outcome, 'good')
    else if ('bad' in outcome) context.tell(outcome.bad, 'bad')
    else context.tell(outcome.good, 'good', () => void undoChange(context, outcome.change))
  } catch (error) {
    tellFailure(context, error)
  }
  context.redraw()
}

/** Takes a change back, and says so. */
export async function undoChange(context: ConsoleContext, id: string): Promise<void> {
  try {
    await context.api.post(`changes/${id}/undo`)
    document.querySelector<HTMLElement>('main h1')?.focus()
    context.tell(context.words.say('changes.undone'), 'good')
  } catch (error) {
    tellFailure(context, error)
  }
  context.redraw()
}

function tellFailure({ words, tell }: ConsoleContext, error: unknown): void {
  const isGone = error instanceof ApiFailure && error.status === 404
  const why = isGone ? words.say('disconnect.gone') : failureText(error, words)
  tell(words.say('act.failed', { why }), 'bad')
}

/** A button for an act; without the right to it, it cannot be pressed and says why. */
export function actButton(
  context: ConsoleContext,
  label: string,
  press: () => void,
  danger = false,
): HTMLElement {
  const { words, store } = context
  const allowed = store.rights === 'act'
  const why = newId('why')
  return h(
    'span',
    { class: 'act' },
    h(
      'button',
      {
        type: 'button',
        class: danger ? 'danger' : undefined,
        disabled: !allowed,
        'aria-describedby': allowed ? undefined : why,
        onclick: press,
      },
      label,
    ),
    allowed ? undefined : h('small', { id: why }, words.say('act.not-allowed')),
  )
}
