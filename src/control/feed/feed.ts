import { randomBytes } from 'node:crypto'
import { type WebSocket, WebSocketServer } from 'ws'
import { encodePieces, jsonPieces } from '../../http/json.ts'
import { type ConnectionPlace, Places } from '../../http/places.ts'
import type { Upgrade } from '../../http/server.ts'
import { rest } from '../../system/slices.ts'
import type { Language } from '../../texts/language.ts'
import { type FaultKey, languageAskedFor, sayFault } from '../answer.ts'
import type { Control } from '../control.ts'
import { helloShape } from '../shapes.ts'
import type { Tokens } from '../tokens.ts'
import type { FeedHello, FeedMessage } from '../view.ts'
import type { Visitor } from '../visitor.ts'
import type { WrongTokens } from '../wrong-tokens.ts'
import { deltaOf, type ShownRows, shown } from './delta.ts'
import { FeedClient } from './feed-client.ts'

export interface FeedParts {
  readonly control: Control
  readonly tokens: Tokens
  readonly wrong: WrongTokens
  /** Writes down that somebody came without a right token. */
  refused(who: Visitor): void
  fault(error: unknown): void
  /** Milliseconds; other ones for tests. */
  readonly patience?: Partial<Patience>
}

/** How long is waited for what. */
interface Patience {
  /** For the first message. */
  readonly hello: number
  /** For a slow reader to catch up. */
  readonly drain: number
  readonly tick: number
}

const PATIENCE: Patience = { hello: 5_000, drain: 15_000, tick: 1_000 }
const MOST_FEEDS = 32
/** What a connection is closed with: codes of RFC 6455 §7.4.1, and one of ours for a token that is not accepted. */
const GOING_AWAY = 1001
const POLICY = 1008
const TRY_LATER = 1013
const NO_TOKEN = 4401
/** Connections that have not said who they are yet. */
const MOST_STRANGERS = 32
/** Deltas that are kept for those who come back. */
const KEPT = 60
const LONGEST_MESSAGE = 4096
/** Sessions that are shown at most. */
const MOST_SESSIONS = 500

/**
 * The live feed: one snapshot per second, serialised once for all subscribers, and
 * none at all while nobody does. Nobody who listens slowly, or not at all, can
 * make the relay keep more than a bounded amount for it.
 */
export class Feed {
  readonly #parts: FeedParts
  readonly #patience: Patience
  readonly #epoch = randomBytes(9).toString('base64url')
  readonly #clients = new Set<FeedClient>()
  readonly #kept: { readonly seq: number; readonly text: Buffer }[] = []
  readonly #server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: LONGEST_MESSAGE,
    perMessageDeflate: false,
  })
  readonly #strangers = new Places(MOST_STRANGERS)
  #seq = 0
  #shown: ShownRows | undefined
  #timer: NodeJS.Timeout | undefined
  #isTicking = false
  #looking: Promise<ShownRows | undefined> | undefined

  constructor(parts: FeedParts) {
    this.#parts = parts
    this.#patience = { ...PATIENCE, ...parts.patience }
  }

  /** Those who are told. */
  get listeners(): number {
    return this.#clients.size
  }

  /** Takes over a connection; false when there are too many, and it is the caller's still. */
  take({ message, socket, head }: Upgrade, client: string): boolean {
    if (this.#clients.size >= MOST_FEEDS) return false
    const place = this.#strangers.take(client, () => socket.destroy())
    if (!place) return false
    socket.once('close', () => place.leave())
    const language = languageAskedFor(message.headers['accept-language'])
    this.#server.handleUpgrade(message, socket, head, ws => this.#greet(ws, client, language, place))
    return true
  }

  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    for (const client of this.#clients) client.close(GOING_AWAY)
    this.#clients.clear()
  }

  #greet(ws: WebSocket, client: string, language: Language, place: ConnectionPlace): void {
    const known = () => {
      place.leave()
      clearTimeout(timer)
    }
    const timer = setTimeout(() => ws.terminate(), this.#patience.hello)
    ws.on('error', () => ws.terminate())
    ws.once('close', known)
    ws.once('message', (data, isBinary) => {
      known()
      // A subscriber sends nothing after its token.
      ws.once('message', () => ws.close(POLICY))
      const hello = isBinary ? undefined : parse(data.toString())
      if (hello) this.#admit(ws, hello, client, hello.language ?? language)
      else ws.close(POLICY)
    })
  }

  #admit(ws: WebSocket, hello: FeedHello, client: string, language: Language): void {
    const { tokens, wrong, refused, fault } = this.#parts
    const find = tokens.remember(hello.token)
    const mayTry = wrong.mayTry(client, hello.token)
    const visitor = mayTry ? find() : undefined
    if (visitor) wrong.right(client, hello.token)
    if (!visitor || this.#clients.size >= MOST_FEEDS) {
      if (!visitor && mayTry && wrong.chargeWrong(client) && wrong.takeLine())
        refused({ who: 'nobody', from: 'http', rights: 'read' })
      const bad = mayTry ? 'token.wrong' : 'token.tooMany'
      ws.send(refusal(visitor ? 'feed.full' : bad, language))
      ws.close(visitor ? TRY_LATER : NO_TOKEN)
      return
    }
    const listener = new FeedClient(ws, find, visitor.rights, language)
    this.#clients.add(listener)
    ws.once('close', () => this.#leave(listener))
    if (hello.epoch === this.#epoch && hello.seq !== undefined && this.#resume(listener, hello.seq)) return
    void this.#welcome(listener).catch(fault)
  }

  /** Goes on where the listener was; false where that is too long ago. */
  #resume(listener: FeedClient, seq: number): boolean {
    if (!this.#timer || seq > this.#seq || !this.#shown) return false
    const missed = this.#kept.filter(delta => delta.seq > seq)
    if (missed.length !== this.#seq - seq) return false
    for (const delta of missed) listener.send(delta.text)
    listener.isCurrent = true
    return true
  }

  async #welcome(listener: FeedClient): Promise<void> {
    if (!this.#timer) {
      this.#timer = setInterval(() => void this.#tick().catch(this.#parts.fault), this.#patience.tick)
      // Nobody listened for a while, and what was kept has a gap behind it.
      this.#kept.length = 0
      this.#shown = undefined
    }
    if (!this.#shown) await this.#look()
    await rest()
    const now = this.#shown
    if (!now || !this.#clients.has(listener)) return
    await this.#snapshot(listener, now)
  }

  /** Looks once, however many ask. What is seen first is what deltas count from. */
  #look(): Promise<ShownRows | undefined> {
    this.#looking ??= this.#parts.control
      .look({ most: MOST_SESSIONS, hurry: true })
      .then(look => {
        this.#shown ??= shown(look)
        return this.#shown
      })
      .finally(() => {
        this.#looking = undefined
      })
    return this.#looking
  }

  /** One at a time, however long it takes. */
  async #tick(): Promise<void> {
    if (this.#isTicking || this.#clients.size === 0 || this.#looking) return
    this.#isTicking = true
    try {
      await this.#tellAll()
    } finally {
      this.#isTicking = false
    }
  }

  async #tellAll(): Promise<void> {
    const { control } = this.#parts
    const before = this.#shown
    if (!before) {
      await this.#look()
      return
    }
    const now = shown(await control.look({ most: MOST_SESSIONS }))
    // To compare, to write and to send is a turn of its own.
    await rest()
    // Everybody may have left meanwhile.
    if (this.#shown !== before || this.#clients.size === 0) return
    const seq = this.#seq + 1
    const delta = await encode(await deltaOf(before, now, seq, control.point()))
    if (this.#shown !== before) return
    this.#seq = seq
    this.#shown = now
    this.#kept.push({ seq, text: delta })
    if (this.#kept.length > KEPT) this.#kept.shift()
    for (const client of this.#clients) this.#tell(client, delta, now)
  }

  #tell(client: FeedClient, delta: Buffer, now: ShownRows): void {
    const visitor = client.visitor()
    if (!visitor) {
      client.send(refusal('token.ended', client.language))
      client.close(NO_TOKEN)
      return
    }
    switch (client.pace(performance.now(), this.#patience.drain)) {
      case 'gone':
        client.terminate()
        return
      case 'slow':
        return
      case 'caught-up':
        client.isCurrent = false
        void this.#snapshot(client, now).catch(this.#parts.fault)
        return
      case 'keeps-up':
        if (client.isCurrent) client.send(delta)
    }
  }

  /** Tells all there is, and then what has changed while that was written. */
  async #snapshot(client: FeedClient, { status, sessions, more }: ShownRows): Promise<void> {
    const seq = this.#seq
    const snapshot = await encode({
      type: 'snapshot',
      epoch: this.#epoch,
      seq,
      rights: client.rights,
      status,
      sessions: [...sessions.values()],
      more,
      history: this.#parts.control.history(),
    })
    if (!this.#clients.has(client)) return
    client.send(snapshot)
    // More deltas than are kept only where this thread is far too slow.
    if (!this.#resume(client, seq) && this.#shown) await this.#snapshot(client, this.#shown)
  }

  #leave(client: FeedClient): void {
    this.#clients.delete(client)
    if (this.#clients.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}

function parse(message: string): FeedHello | undefined {
  try {
    return helloShape.safeParse(JSON.parse(message)).data
  } catch {
    return undefined
  }
}

/** Writes a message in slices. */
async function encode(message: FeedMessage): Promise<Buffer> {
  return Buffer.concat(await encodePieces(jsonPieces(message)))
}

/** Says why nothing more is told. */
function refusal(key: FaultKey, language: Language): string {
  const message: FeedMessage = { type: 'refused', ...sayFault({ key }, language) }
  return JSON.stringify(message)
}
