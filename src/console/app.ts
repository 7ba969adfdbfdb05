import { Api } from './api.ts'
import type { ConsoleContext, View } from './context.ts'
import { FeedConnection, type FeedLink } from './feed.ts'
import { NameBook } from './names.ts'
import { Announcer } from './parts/announcer.ts'
import { confirmIn } from './parts/dialog.ts'
import { h, setAttribute, setChildren, setText } from './parts/dom.ts'
import { pickers } from './parts/pickers.ts'
import { Store } from './store.ts'
import { Access } from './views/access.ts'
import { ChangesPage } from './views/changes.ts'
import { Overview } from './views/overview.ts'
import { People } from './views/people.ts'
import { Refusals } from './views/refusals.ts'
import { Server } from './views/server.ts'
import { Sessions } from './views/sessions.ts'
import { Tests } from './views/tests.ts'
import { Use } from './views/use.ts'
import type { ConsoleWords, TextKey } from './words.ts'

const PAGES = {
  overview: Overview,
  sessions: Sessions,
  people: People,
  use: Use,
  refusals: Refusals,
  tests: Tests,
  changes: ChangesPage,
  server: Server,
  access: Access,
} as const
type Page = keyof typeof PAGES
const NAMES = Object.keys(PAGES) as Page[]

/** How long the outcome of an act can be read, in milliseconds. */
const TOLD = 12_000

export interface AppOptions {
  readonly words: ConsoleWords
  readonly token: string
  /** The language was changed; everything is to be built again. */
  onLanguage(): void
  /** Signed out, or the relay did not let us in. */
  onSignedOut(isRefusal: boolean): void
}

/** The console of somebody who has been let in. */
export class App {
  readonly #root: HTMLElement
  readonly #options: AppOptions
  readonly #context: ConsoleContext
  readonly #feed: FeedConnection
  readonly #announcer = new Announcer()
  readonly #views = new Map<Page, View>()
  readonly #main = h('main', { id: 'content', tabindex: -1 })
  readonly #title = h('h1', { tabindex: -1 })
  readonly #realm = h('span', { class: 'realm' })
  readonly #state = h('span', { class: 'badge' })
  readonly #link = h('span', { class: 'badge link' })
  readonly #break = h('div', { class: 'break', role: 'status' })
  readonly #told = h('div', { class: 'told', role: 'status' })
  readonly #navigation = new Map<Page, HTMLElement>()
  readonly #ended = new AbortController()
  #toldTimer: ReturnType<typeof setTimeout> | undefined
  #page: Page = 'overview'
  #rights: 'read' | 'act' | undefined

  constructor(root: HTMLElement, options: AppOptions) {
    this.#root = root
    this.#options = options
    const store = new Store()
    this.#context = {
      words: options.words,
      store,
      api: new Api(options.token),
      names: new NameBook(),
      confirm: question => confirmIn(root, options.words, question),
      tell: (text, level, undo) => this.#tell(text, level, undo),
      redraw: () => this.#redraw(),
    }
    const url = new URL('api/v1/live', document.baseURI)
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
    this.#feed = new FeedConnection({
      url: url.href,
      token: options.token,
      store,
      language: () => options.words.language,
      onChange: () => this.#update(),
      onLink: link => this.#showLink(link),
    })
  }

  start(): void {
    this.#build()
    const { signal } = this.#ended
    window.addEventListener('hashchange', () => this.#open(pageOf(location.hash), true), { signal })
    document.addEventListener('visibilitychange', () => this.#visibility(), { signal })
    this.#open(pageOf(location.hash), false)
    this.#visibility()
  }

  stop(): void {
    this.#ended.abort()
    clearTimeout(this.#toldTimer)
    this.#feed.pause()
    this.#root.replaceChildren()
  }

  #build(): void {
    const { words } = this.#context
    const { say } = words
    const links = NAMES.map(page => {
      const link = h('a', { href: `#${page}` }, say(`nav.${page}` as TextKey))
      this.#navigation.set(page, link)
      return h('li', {}, link)
    })
    const skip = (event: Event) => {
      event.preventDefault()
      this.#main.focus()
    }
    this.#root.replaceChildren(
      h('a', { href: '#content', class: 'skip', onclick: skip }, say('skip')),
      h(
        'header',
        {},
        h('p', { class: 'brand' }, h('b', {}, 'taciturn'), this.#realm),
        h('p', { class: 'badges' }, this.#state, this.#link),
        h(
          'p',
          { class: 'pickers' },
          ...pickers(words, this.#options.onLanguage),
          h('button', { type: 'button', onclick: () => this.#options.onSignedOut(false) }, say('sign-out')),
        ),
      ),
      h('nav', { 'aria-label': say('nav.label') }, h('ul', {}, ...links)),
      this.#break,
      this.#main,
      this.#told,
      this.#announcer.element,
    )
    setText(this.#main, say('loading'))
  }

  #open(page: Page, focus: boolean): void {
    this.#page = page
    for (const [name, link] of this.#navigation) setAttribute(link, 'aria-current', name === page && 'page')
    const title = this.#context.words.say(`nav.${page}`)
    setText(this.#title, title)
    document.title = `${title} – taciturn`
    if (!this.#context.store.status) return
    const view = this.#view(page)
    setChildren(this.#main, [this.#title, view.element])
    view.update()
    view.open?.()
    if (focus) this.#title.focus()
  }

  #view(page: Page): View {
    const there = this.#views.get(page)
    if (there) return there
    const view = new PAGES[page](this.#context)
    this.#views.set(page, view)
    return view
  }

  #update(): void {
    const { store, words } = this.#context
    const { status } = store
    if (!status) return
    setText(this.#realm, status.realm)
    setText(this.#state, words.say(`state.${status.state}`))
    setAttribute(this.#state, 'data-level', status.state === 'serving' ? 'good' : 'warn')
    // What a token may do is built into the views.
    if (this.#rights !== store.rights) {
      this.#rights = store.rights
      this.#views.clear()
      this.#main.replaceChildren()
      this.#open(this.#page, false)
    }
    if (document.hidden) return
    this.#views.get(this.#page)?.update()
    this.#announcer.say(
      words.say('announce.now', {
        sessions: words.count('sessions', status.allocations.live),
        up: words.format.bitrate(status.rate.toPeer.bytes),
        down: words.format.bitrate(status.rate.toClient.bytes),
      }),
    )
  }

  /** Draws the open view once more, with what it has to ask for. */
  #redraw(): void {
    this.#update()
    this.#views.get(this.#page)?.open?.()
  }

  #showLink(link: FeedLink): void {
    const { words, store } = this.#context
    const { say, format } = words
    if (link.state === 'refused') {
      this.#options.onSignedOut(true)
      return
    }
    setText(this.#link, say(`link.${link.state === 'waiting' ? 'connecting' : link.state}`))
    setAttribute(this.#link, 'data-level', link.state === 'live' ? 'good' : 'warn')
    setAttribute(this.#link, 'data-state', link.state)
    if (link.state !== 'waiting') {
      if (link.state === 'live') this.#break.replaceChildren()
      return
    }
    const seconds = format.duration(link.seconds * 1000)
    const lines =
      link.why === undefined
        ? [say('link.waiting', { seconds })]
        : [say('link.putOff', { why: link.why, seconds })]
    if (store.status) lines.push(say('link.stale', { time: format.time(store.status.at) }))
    this.#break.replaceChildren(
      h('span', {}, lines.join(' ')),
      h('button', { type: 'button', onclick: () => this.#feed.start() }, say('link.retry')),
    )
  }

  /** Nobody looks at a hidden page, so nothing is sent to it. */
  #visibility(): void {
    if (document.hidden) this.#feed.pause()
    else this.#feed.start()
  }

  #tell(text: string, level: 'good' | 'bad' = 'good', undo?: () => void): void {
    clearTimeout(this.#toldTimer)
    const press = () => {
      this.#told.replaceChildren()
      undo?.()
    }
    const button =
      undo && h('button', { type: 'button', onclick: press }, this.#context.words.say('act.undo'))
    const line = h('p', { 'data-level': level }, `${level === 'good' ? '✓' : '✕'} ${text} `, button)
    this.#told.replaceChildren(line)
    this.#toldTimer = setTimeout(() => this.#told.replaceChildren(), TOLD)
  }
}

function pageOf(hash: string): Page {
  return NAMES.find(name => `#${name}` === hash) ?? 'overview'
}
