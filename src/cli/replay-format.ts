import type { Account, Came, Done } from '../recording/account.ts'
import type { Paint } from './io.ts'
import type { CliWords } from './words.ts'

/** A step as lines of text; the first says what came, the others what was done. */
export function accountLines(
  number: number,
  account: Account,
  beganAt: number,
  words: CliWords,
  paint: Paint,
): string[] {
  const { at, came, did, counted, differs } = account
  const seconds = ((at - beganAt) / 1000).toFixed(3)
  const lines = [
    paint(
      'bold',
      words.say('replay.step', { step: `${number}  +${seconds} s`, what: cameText(came, words) }),
    ),
  ]
  const add = (text: string) => void lines.push(`    ${text}`)
  const attributes = attributesText(came.attributes)
  if (attributes !== '') add(words.say('replay.attributes', { attributes }))
  for (const one of did) {
    const text = doneText(one, words)
    add(isErrorAnswer(one) ? paint('yellow', text) : text)
  }
  if (did.length === 0) add(words.say('replay.nothing'))
  const counters = Object.entries(counted).map(([name, by]) => `${name} +${by}`)
  if (counters.length > 0) add(words.say('replay.counted', { counters: counters.join(', ') }))
  if (differs) {
    const values = { recorded: differs.recorded.join('; '), replayed: differs.replayed.join('; ') }
    add(paint('red', words.say('replay.differs', values)))
  }
  return lines
}

/** Whether nothing came of it and nothing came from outside. */
export function isQuiet({ came, did, counted, differs }: Account): boolean {
  const isOwn = came.kind === 'tick' || came.kind === 'continue'
  return isOwn && did.length === 0 && Object.keys(counted).length === 0 && !differs
}

/** Whether something was rejected, or is not as recorded. */
export function isError({ did, differs }: Account): boolean {
  return differs !== undefined || did.some(isErrorAnswer)
}

/** Whether an address, with or without its port, has a part in a step. */
export function concerns({ came, did }: Account, client: string): boolean {
  const texts = [came, ...did]
    .flatMap(one => Object.values(one))
    .flatMap(value => (typeof value === 'object' ? Object.values(value) : [value]))
  return texts
    .flatMap(text => String(text).split(' '))
    .some(word => word === client || hostOf(word) === client)
}

/** The IP address of `192.0.2.1:3478` and of `[2001:db8::1]:3478`. */
function hostOf(word: string): string {
  return word.slice(0, Math.max(0, word.lastIndexOf(':'))).replace(/^\[|\]$/g, '')
}

function isErrorAnswer(done: Done): boolean {
  return done.kind === 'rejected' || (done.kind === 'answer' && / error( |$)/.test(done.message))
}

function cameText(came: Came, words: CliWords): string {
  const { kind, from, via, message, octets } = came
  if (kind !== 'datagram') return words.say(`replay.input.${kind}`, { about: aboutText(came.about) })
  return via === 'relay'
    ? words.say('replay.peerData', { from, octets })
    : words.say('replay.datagram', { message: message ?? '', from, via, octets })
}

function doneText(done: Done, words: CliWords): string {
  switch (done.kind) {
    case 'answer': {
      const attributes = attributesText(done.attributes)
      const text = words.say('replay.did.answer', done as { to: string; message: string })
      return attributes === '' ? text : `${text}  ${words.say('replay.attributes', { attributes })}`
    }
    case 'tell':
      return words.say('replay.did.tell', { event: done.event, about: aboutText(done.about) })
    case 'host':
      return words.say(done.on ? 'replay.did.host' : 'replay.did.unhost', { client: done.client })
    case 'relay':
    case 'open':
    case 'close':
    case 'route':
    case 'unroute':
    case 'refer':
    case 'continue':
    case 'rejected':
      return words.say(`replay.did.${done.kind}`, { ...done }).trimEnd()
  }
}

/** What has no place in a line about what a message says. */
const NOT_SHOWN: ReadonlySet<string> = new Set([
  'MESSAGE-INTEGRITY',
  'MESSAGE-INTEGRITY-SHA256',
  'FINGERPRINT',
  'SOFTWARE',
])

function attributesText(attributes: Came['attributes'] = {}): string {
  return Object.entries(attributes)
    .filter(([name]) => !NOT_SHOWN.has(name))
    .map(([name, value]) => (value === '' ? name : `${name} ${value}`))
    .join(', ')
}

function aboutText(about: Came['about'] = {}): string {
  return Object.entries(about)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')
}
