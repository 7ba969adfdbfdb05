import type { SetupAnswers, SetupFacts, SetupState, SetupWritten } from '../../control/setup/setup-shapes.ts'
import { copyButton } from '../parts/copy.ts'
import { h, setText } from '../parts/dom.ts'
import type { SetupLink } from './link.ts'
import type { SetupWords } from './words.ts'

/** Milliseconds between two looks at how far it is. */
const LOOK_EVERY = 500

/** What was answered, and what came of it. */
export interface SetupOutcome {
  readonly written: Extract<SetupWritten, { ok: true }>
  readonly facts: SetupFacts
  readonly answers: SetupAnswers
  /** How it ended; absent while the relay starts. */
  end?: SetupState
}

/** What has been written, what the homeserver needs, and what is left to do. */
export function showOutcome(
  main: HTMLElement,
  words: SetupWords,
  outcome: SetupOutcome,
  link: SetupLink,
): void {
  const { say } = words
  const { written, answers } = outcome
  const state = h('p', { class: 'outcome', role: 'status' })
  const open = h('p')
  const lines = h('pre', { tabindex: 0, role: 'region', 'aria-label': say('lines') }, written.lines)
  const select = () => getSelection()?.selectAllChildren(lines)
  const copy = copyButton(say('copy'), say('copied'), () => written.lines, select)
  const relayed = say(answers.mapsPorts ? 'ports.few' : 'ports.all')
  const tls = answers.acme ? 'ports.acme' : answers.certificate === '' ? 'ports' : 'ports.tls'
  const ports = say(tls, { relayed })
  const way = answers.mapsPorts ? 'next.mapping' : answers.place === 'home' ? 'next.router' : 'next.firewall'
  const steps = [
    say('next.dns', { name: answers.name }),
    say(way, { ports }),
    ...(answers.acme ? [say('next.acme', { name: answers.name })] : []),
    say('next.homeserver'),
    say('next.doctor', { file: written.file }),
  ]
  main.append(
    h(
      'section',
      {},
      h('h2', {}, say('done')),
      h('p', {}, say('done.file', { file: written.file })),
      ...written.warnings.map(warning => h('p', { class: 'lead' }, warning)),
      state,
      open,
    ),
    h('section', {}, h('h2', {}, say('lines')), h('p', { class: 'lead' }, say('lines.lead')), lines, copy),
    h('section', {}, h('h2', {}, say('next')), h('ol', {}, ...steps.map(step => h('li', {}, step)))),
  )
  void follow(outcome, words, link, state, open)
}

async function follow(
  outcome: SetupOutcome,
  { say }: SetupWords,
  link: SetupLink,
  line: HTMLElement,
  open: HTMLElement,
): Promise<void> {
  setText(line, say(outcome.facts.starts ? 'state.starting' : 'state.written'))
  while (!outcome.end && line.isConnected) {
    const now = await link.state()
    if (!now) break
    if (now.state === 'starting' || now.state === 'asking')
      await new Promise(resolve => setTimeout(resolve, LOOK_EVERY))
    else outcome.end = now
  }
  const { end } = outcome
  if (end?.state === 'running') {
    setText(line, say('state.running'))
    if (end.console !== undefined)
      open.replaceChildren(h('a', { class: 'button primary', href: end.console }, say('open')))
  } else if (end?.state === 'failed') setText(line, say('state.failed', { why: end.why }))
}
