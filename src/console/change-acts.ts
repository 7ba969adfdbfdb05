import type { ChangeView } from '../control/view.ts'
import { type ActOutcome, act } from './acts.ts'
import type { ConsoleContext } from './context.ts'
import { h, newId } from './parts/dom.ts'
import { personName } from './parts/person.ts'
import type { TextKey } from './words.ts'

/** How long a block may last, in seconds; 0 is for ever. */
const LENGTHS = [
  ['hour', 3600],
  ['day', 86_400],
  ['week', 604_800],
  ['month', 2_592_000],
  ['ever', 0],
] as const

/** Pauses a homeserver, or resumes it. */
export function pauseHomeserver(context: ConsoleContext, homeserver: string, paused: boolean): void {
  const { say } = context.words
  void act(
    context,
    {
      title: paused ? say('pause.title', { homeserver }) : say('resume.title', { homeserver }),
      text: paused ? say('pause.text') : say('resume.text'),
      act: paused ? say('act.pause') : say('act.resume'),
      danger: paused,
    },
    'changes',
    undoable(paused ? say('pause.done', { homeserver }) : say('resume.done', { homeserver })),
    () => ({ kind: 'pause', homeserver, paused }),
  )
}

/** Blocks somebody who has a session. */
export function blockUser(context: ConsoleContext, user: string, homeserver: string): void {
  const length = blockLength(context)
  confirmBlock(context, personName(user, context), [length.element], () => ({
    kind: 'block',
    user,
    ...(homeserver !== '' && { homeserver }),
    ...length.value(),
  }))
}

/** Blocks somebody by the name that the homeserver gives them, whether there is a session or not. */
export function blockName(context: ConsoleContext): void {
  const { say } = context.words
  const id = newId('name')
  const name = h('input', {
    id,
    required: true,
    maxlength: 512,
    autocomplete: 'off',
    autocapitalize: 'off',
    spellcheck: 'false',
    placeholder: '@alice:example.org',
  })
  const length = blockLength(context)
  const field = h('p', { class: 'field' }, h('label', { for: id }, say('block.name')), name)
  confirmBlock(context, undefined, [field, length.element], () => ({
    kind: 'block',
    name: name.value.trim(),
    ...length.value(),
  }))
}

/** Asks for the new value of a limit and sets it. */
export function changeLimit(
  context: ConsoleContext,
  limit: { readonly key: string; readonly homeserver?: string; readonly value: string | number },
): void {
  const { say } = context.words
  const { key, homeserver } = limit
  const id = newId('value')
  const name = limitName(limit)
  const input = h('input', { id, required: true, maxlength: 64, autocomplete: 'off', value: limit.value })
  const field = h('p', { class: 'field' }, h('label', { for: id }, say('limit.value')), input)
  void act(
    context,
    {
      title: say('limit.title', { name }),
      text: say('limit.text'),
      act: say('act.change'),
      fields: [field],
    },
    'changes',
    answer => {
      const { id, value } = answer as ChangeView
      return { good: say('limit.done', { name, value: String(value) }), change: id }
    },
    () => ({
      kind: 'limit',
      key,
      ...(homeserver !== undefined && { homeserver }),
      value: input.value.trim(),
    }),
  )
}

/** A limit as the configuration calls it. */
export function limitName({
  key = '',
  homeserver,
}: {
  readonly key?: string
  readonly homeserver?: string
}): string {
  return homeserver === undefined ? `limits.${key}` : `${homeserver}: limits.${key}`
}

function confirmBlock(
  context: ConsoleContext,
  who: string | undefined,
  fields: readonly HTMLElement[],
  body: () => unknown,
): void {
  const { say } = context.words
  void act(
    context,
    {
      title: who === undefined ? say('block.title-name') : say('block.title', { who }),
      text: say('block.text'),
      act: say('act.block-now'),
      danger: true,
      fields,
    },
    'changes',
    undoable(say('block.done')),
    body,
  )
}

function undoable(good: string): (answer: unknown) => ActOutcome {
  return answer => ({ good, change: (answer as ChangeView).id })
}

function blockLength({ words }: ConsoleContext): {
  readonly element: HTMLElement
  value(): { readonly seconds?: number }
} {
  const id = newId('length')
  const select = h(
    'select',
    { id },
    ...LENGTHS.map(([name, seconds]) =>
      h('option', { value: seconds, selected: name === 'day' }, words.say(`block.${name}` as TextKey)),
    ),
  )
  return {
    element: h('p', { class: 'field' }, h('label', { for: id }, words.say('block.length')), select),
    value: () => (select.value === '0' ? {} : { seconds: Number(select.value) }),
  }
}
