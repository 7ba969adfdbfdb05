import type { Reloaded, Status } from '../../control/view.ts'
import { type ActOutcome, act, actButton } from '../acts.ts'
import { failureText } from '../api.ts'
import { type ConfigurationEntry, entriesOf } from '../configuration.ts'
import type { ConsoleContext, View } from '../context.ts'
import { type Limit, limits } from '../limits.ts'
import { h, setAttribute, setChildren, setText, setWidth } from '../parts/dom.ts'
import { Table } from '../parts/table.ts'

/** The relay as a program: limits, certificate, versions, what it was told, and what can be done to it. */
export class Server implements View {
  readonly element: HTMLElement
  readonly #context: ConsoleContext
  readonly #limits = h('ul', { class: 'bars' })
  readonly #facts = h('dl', { class: 'facts' })
  readonly #values = new Map<string, HTMLElement>()
  readonly #configuration: Table<ConfigurationEntry>
  #drain!: HTMLElement
  #cancelDrain!: HTMLElement
  readonly #configurationState = h('p', { class: 'quiet', role: 'status' })

  constructor(context: ConsoleContext) {
    this.#context = context
    const { words } = context
    const { say } = words
    this.#configuration = new Table<ConfigurationEntry>(words, {
      caption: say('server.configuration'),
      key: ({ path }) => path,
      empty: say('loading'),
      columns: [
        { name: 'path', title: say('column.key'), head: true, text: ({ path }) => path },
        { name: 'value', title: say('column.value'), text: ({ value }) => value },
      ],
    })
    const section = (name: 'limits' | 'relay' | 'acts' | 'configuration', ...children: HTMLElement[]) =>
      h(
        'section',
        { 'aria-labelledby': `server-${name}` },
        h('h2', { id: `server-${name}` }, say(`server.${name}`)),
        ...children,
      )
    this.element = h(
      'div',
      {},
      section('limits', this.#limits),
      section('relay', this.#facts),
      section('acts', h('p', { class: 'lead' }, say('server.acts.lead')), this.#acts()),
      section(
        'configuration',
        h('p', { class: 'lead' }, say('server.configuration.lead')),
        this.#configurationState,
        this.#configuration.element,
      ),
    )
    this.#configuration.element.classList.add('keys')
  }

  open(): void {
    void this.#loadConfiguration()
  }

  update(): void {
    const { status } = this.#context.store
    if (!status) return
    this.#drain.hidden = status.state === 'draining'
    this.#cancelDrain.hidden = status.state !== 'draining'
    this.#drawLimits(status)
    this.#drawFacts(status)
  }

  #acts(): HTMLElement {
    const { words } = this.#context
    const { say } = words
    const reload = () =>
      act(
        this.#context,
        { title: say('reload.title'), text: say('reload.text'), act: say('act.reload') },
        'reload',
        answer => this.#reloaded(answer as Reloaded),
      )
    const drain = () =>
      act(
        this.#context,
        { title: say('drain.title'), text: say('drain.text'), act: say('act.drain'), danger: true },
        'drain',
        () => say('drain.done'),
      )
    const cancelDrain = () =>
      act(
        this.#context,
        {
          title: say('cancel-drain.title'),
          text: say('cancel-drain.text'),
          act: say('act.cancel-drain'),
        },
        'drain/cancel',
        answer =>
          (answer as { readonly cancelled: boolean }).cancelled
            ? say('cancel-drain.done')
            : { bad: say('cancel-drain.failed') },
      )
    this.#drain = actButton(this.#context, say('act.drain'), () => void drain(), true)
    this.#cancelDrain = actButton(this.#context, say('act.cancel-drain'), () => void cancelDrain())
    return h(
      'p',
      { class: 'acts' },
      actButton(this.#context, say('act.reload'), () => void reload()),
      this.#drain,
      this.#cancelDrain,
    )
  }

  #reloaded(answer: Reloaded): ActOutcome {
    const { say } = this.#context.words
    void this.#loadConfiguration()
    if (answer.refused) return { bad: say(`reload.${answer.refused}`) }
    if (!answer.ok) return { bad: say('reload.failed', { why: answer.problems.join(' ') }) }
    if (answer.restart.length > 0) return say('reload.restart', { keys: answer.restart.join(', ') })
    return say('reload.done')
  }

  #drawLimits(status: Status): void {
    const items = limits(status, this.#context.words).map(limit => this.#limit(limit))
    setChildren(this.#limits, items)
  }

  #limit({ key, name, used, limit, share }: Limit): HTMLElement {
    const { format, say } = this.#context.words
    let item = this.#values.get(`limit ${key}`)
    if (!item) {
      item = h(
        'li',
        {},
        h('span', {}, name),
        h('span', { class: 'track', 'aria-hidden': 'true' }, h('span', { class: 'bar' })),
        h('b'),
      )
      this.#values.set(`limit ${key}`, item)
    }
    const bar = item.querySelector<HTMLElement>('.bar')!
    setWidth(bar, share)
    setAttribute(item, 'data-level', share >= 0.95 ? 'bad' : share >= 0.8 ? 'warn' : undefined)
    const of = say('limit.of', { used: format.integer(used), limit: format.integer(limit) })
    setText(item.querySelector('b')!, `${of} (${format.percent(share)})`)
    return item
  }

  #drawFacts(status: Status): void {
    const { words } = this.#context
    const { say, format } = words
    const { certificate, workers, reload } = status
    const facts: (readonly [string, string])[] = [
      [say('fact.version'), `taciturn ${status.version}`],
      [say('fact.realm'), status.realm],
      [say('fact.state'), [say(`state.${status.state}`), ...status.notReady].join(' – ')],
      [
        say('fact.started'),
        `${format.dateTime(status.started)} (${format.duration(status.at - status.started)})`,
      ],
      [say('fact.listening'), status.listening.join('\n')],
      ...frontFacts(status, words),
      [
        say('fact.relays'),
        status.relays
          .map(relay => (relay.local === relay.public ? relay.local : `${relay.local} → ${relay.public}`))
          .join('\n'),
      ],
      [
        say('fact.certificate'),
        certificate
          ? say('card.until', { when: format.dateTime(certificate.expires) })
          : say('card.no-certificate'),
      ],
      [say('fact.reload'), `${format.dateTime(reload.at)} – ${say(reload.ok ? 'reload.ok' : 'reload.bad')}`],
      ...(reload.problems.length > 0 ? [[say('fact.problems'), reload.problems.join('\n')] as const] : []),
      [say('fact.udp'), say(`udp.${status.udp}`)],
      [
        say('fact.workers'),
        workers.missing > 0
          ? say('fact.workers-missing', {
              n: format.integer(workers.running),
              missing: format.integer(workers.missing),
            })
          : format.integer(workers.running),
      ],
      [say('fact.cpu'), format.percent(status.process.cpu)],
      [say('fact.memory'), format.bytes(status.process.rss)],
    ]
    const children = facts.map(([name, value]) => {
      let line = this.#values.get(name)
      if (!line) {
        line = h('div', {}, h('dt', {}, name), h('dd'))
        this.#values.set(name, line)
      }
      setText(line.lastElementChild!, value)
      return line
    })
    setChildren(this.#facts, children)
  }

  async #loadConfiguration(): Promise<void> {
    const { api, words } = this.#context
    setText(this.#configurationState, words.say('loading'))
    try {
      this.#configuration.update(entriesOf(await api.get('configuration')))
      setText(this.#configurationState, '')
    } catch (error) {
      setText(
        this.#configurationState,
        words.say('act.failed', { why: failureText(error, this.#context.words) }),
      )
    }
  }
}

/** What stands in front of the relay, and behind it. */
function frontFacts(
  { proxy, web }: Status,
  { say, format }: ConsoleContext['words'],
): (readonly [string, string])[] {
  const facts: (readonly [string, string])[] = []
  if (proxy) {
    const { from, clients, own, refused } = proxy
    const counts = {
      clients: format.integer(clients),
      own: format.integer(own),
      refused: format.integer(refused),
    }
    facts.push([say('fact.proxy'), `${from.join(', ')}\n${say('fact.proxy.counts', counts)}`])
  }
  if (web) {
    const { to, toServer, toClient, unreachable } = web
    const counts = { bytes: format.bytes(toServer + toClient), unreachable: format.integer(unreachable) }
    facts.push([say('fact.web'), `${to}\n${say('fact.web.counts', counts)}`])
  }
  return facts
}
