import type { SetupAnswers, SetupFacts, SetupField, SetupWritten } from '../../control/setup/setup-shapes.ts'
import { h, newId, setAttribute, setText } from '../parts/dom.ts'
import type { SetupKey, SetupWords } from './words.ts'

type Place = SetupAnswers['place']
type Tls = 'none' | 'acme' | 'files'

interface Field {
  readonly element: HTMLElement
  readonly input: HTMLInputElement
  readonly problem: HTMLElement
}

/** The three questions, with what is known already filled in. */
export class SetupForm {
  readonly element: HTMLElement
  readonly #words: SetupWords
  readonly #fields: Readonly<Record<Exclude<SetupField, ''>, Field>>
  readonly #outside: HTMLElement
  readonly #mapsPorts: HTMLInputElement
  readonly #files: HTMLElement
  readonly #problem = h('p', { class: 'refused', role: 'alert' })
  readonly #button: HTMLButtonElement
  #place: Place
  #tls: Tls = 'none'

  constructor(
    words: SetupWords,
    facts: SetupFacts,
    before: SetupAnswers | undefined,
    send: (answers: SetupAnswers) => Promise<SetupWritten>,
  ) {
    this.#words = words
    const { say } = words
    this.#place = before?.place ?? facts.place
    if (before?.acme) this.#tls = 'acme'
    else if (before && before.certificate + before.key !== '') this.#tls = 'files'
    this.#mapsPorts = h('input', { id: newId('map'), type: 'checkbox', checked: before?.mapsPorts ?? false })
    const field = (name: Exclude<SetupField, ''>, value: string, example: string, required = false) =>
      textField(say(name), say(`${name}.hint`), before?.[name] ?? value, example, required)
    this.#fields = {
      name: field('name', facts.name, 'turn.example.org', true),
      homeserver: field('homeserver', facts.homeserver, 'example.org', true),
      outside: field('outside', '', 'turn.example.org'),
      certificate: field('certificate', '', '/etc/letsencrypt/live/turn.example.org/fullchain.pem'),
      key: field('key', '', '/etc/letsencrypt/live/turn.example.org/privkey.pem'),
    }
    const mapping = h('label', { for: this.#mapsPorts.id }, say('mapsPorts'))
    this.#outside = h(
      'div',
      {},
      this.#fields.outside.element,
      h('p', { class: 'option' }, this.#mapsPorts, mapping),
    )
    this.#files = h('div', {}, this.#fields.certificate.element, this.#fields.key.element)
    this.#button = h('button', { class: 'primary' }, say(facts.starts ? 'submit.start' : 'submit'))
    this.element = h(
      'form',
      { onsubmit: (event: Event) => void this.#submit(event, send) },
      h('p', { class: 'lead' }, say('lead', { file: facts.file })),
      question(say('question.name'), this.#fields.name.element, this.#fields.homeserver.element),
      question(
        say('question.place'),
        h('p', { class: 'lead' }, say('place.found', { addresses: facts.addresses.join(', ') || '–' })),
        ...this.#choice<Place>('place', ['public', 'home'], this.#place, place => {
          this.#place = place
        }),
        this.#outside,
      ),
      question(
        say('question.tls'),
        h('p', { class: 'lead' }, say('tls.lead')),
        ...this.#choice<Tls>('tls', ['none', 'acme', 'files'], this.#tls, tls => {
          this.#tls = tls
        }),
        this.#files,
      ),
      this.#problem,
      h('p', { class: 'acts' }, this.#button),
    )
    this.#fold()
  }

  get answers(): SetupAnswers {
    const value = (name: Exclude<SetupField, ''>) => this.#fields[name].input.value.trim()
    const file = (name: 'certificate' | 'key') => (this.#tls === 'files' ? value(name) : '')
    return {
      language: this.#words.language,
      name: value('name'),
      homeserver: value('homeserver'),
      place: this.#place,
      outside: this.#place === 'home' ? value('outside') : '',
      mapsPorts: this.#place === 'home' && this.#mapsPorts.checked,
      acme: this.#tls === 'acme',
      certificate: file('certificate'),
      key: file('key'),
    }
  }

  async #submit(event: Event, send: (answers: SetupAnswers) => Promise<SetupWritten>): Promise<void> {
    event.preventDefault()
    for (const { input, problem } of Object.values(this.#fields)) {
      setText(problem, '')
      setAttribute(input, 'aria-invalid', undefined)
    }
    setText(this.#problem, '')
    this.#button.disabled = true
    const written = await send(this.answers)
    this.#button.disabled = false
    if (written.ok) return
    const [first] = written.problems
    for (const { field, text } of written.problems.toReversed()) {
      if (field === '') {
        setText(this.#problem, text)
        continue
      }
      setText(this.#fields[field].problem, text)
      setAttribute(this.#fields[field].input, 'aria-invalid', 'true')
    }
    if (first && first.field !== '') this.#fields[first.field].input.focus()
  }

  /** Shows what the choices ask for, and only that. */
  #fold(): void {
    this.#outside.hidden = this.#place !== 'home'
    this.#files.hidden = this.#tls !== 'files'
    for (const name of ['certificate', 'key'] as const)
      this.#fields[name].input.required = this.#tls === 'files'
  }

  #choice<T extends string>(
    name: 'place' | 'tls',
    values: readonly T[],
    chosen: T,
    choose: (value: T) => void,
  ): HTMLElement[] {
    const { say } = this.#words
    return values.map(value => {
      const id = newId(name)
      const input = h('input', {
        id,
        type: 'radio',
        name,
        value,
        checked: value === chosen,
        onchange: () => {
          choose(value)
          this.#fold()
        },
      })
      const label = h('label', { for: id }, say(`${name}.${value}` as SetupKey))
      return h('p', { class: 'option' }, input, label)
    })
  }
}

function question(title: string, ...children: readonly HTMLElement[]): HTMLElement {
  return h('fieldset', { class: 'question' }, h('legend', {}, title), ...children)
}

function textField(label: string, hint: string, value: string, example: string, required: boolean): Field {
  const id = newId('field')
  const [hintId, problemId] = [newId('hint'), newId('problem')]
  const input = h('input', {
    id,
    value,
    required,
    placeholder: example,
    autocomplete: 'off',
    autocapitalize: 'off',
    spellcheck: 'false',
    'aria-describedby': `${hintId} ${problemId}`,
  })
  const problem = h('small', { id: problemId, class: 'problem', role: 'alert' })
  const element = h(
    'p',
    { class: 'field' },
    h('label', { for: id }, label),
    input,
    h('small', { id: hintId }, hint),
    problem,
  )
  return { element, input, problem }
}
