import type { TestView } from '../control/view.ts'
import { lossOf } from './measure.ts'
import type { TestTransport } from './uri.ts'
import type { Remark, WayVerdict } from './verdict.ts'
import type { TestWords } from './words.ts'

/** A remark as a sentence. */
export function sentence(remark: Remark, words: TestWords): string {
  const { say, format } = words
  switch (remark.say) {
    case 'udp-blocked':
      return words.count('say.udp-blocked', remark.others.length, { others: listOf(remark.others, words) })
    case 'answers-lost':
    case 'no-call':
      return say(`say.${remark.say}`, { way: say(`way.${remark.way}`) })
    case 'no-name':
      return say('say.no-name', { host: remark.host })
    case 'refused':
      return say('say.refused', { code: remark.code })
    case 'loss':
      return say('say.loss', { way: say(`way.${remark.way}`), loss: format.percent(remark.value) })
    case 'delay':
      return say('say.delay', { delay: milliseconds(remark.value, words) })
    case 'jitter':
      return say('say.jitter', { jitter: milliseconds(remark.value, words) })
    default:
      return say(`say.${remark.say}`)
  }
}

/** What the browser saw of a way. */
export function browserSide({ candidate, connected, took, error }: WayVerdict, words: TestWords): string {
  const { say } = words
  if (connected) return say('browser.good', { time: milliseconds(took ?? 0, words) })
  if (candidate) return say('browser.no-call')
  if (error && error.code !== 701) return say('browser.error', { code: String(error.code), text: error.text })
  return say('browser.no-candidate')
}

/** What the relay saw of a transport. */
export function relaySide(transport: TestTransport, server: TestView | undefined, words: TestWords): string {
  const { say, format } = words
  if (!server) return say('relay.unknown')
  const ways = server.ways.filter(way => way.transport === transport)
  if (ways.length === 0) return say('relay.nothing')
  const refused = Object.keys(Object.assign({}, ...ways.map(way => way.refused)))
  const bytes = ways.reduce((sum, { traffic }) => sum + traffic.toPeer.bytes + traffic.toClient.bytes, 0)
  const sentences = [say(ways.some(({ opened }) => opened > 0) ? 'relay.opened' : 'relay.seen')]
  if (refused.length > 0) sentences.push(say('relay.refused', { what: refused.join(', ') }))
  if (bytes > 0) sentences.push(say('relay.carried', { bytes: format.bytes(bytes) }))
  return sentences.join(' ')
}

/** What was measured on a way. */
export function measured({ quality }: WayVerdict, words: TestWords): string {
  if (!quality) return '–'
  const { say, format } = words
  return [
    ...(quality.delay === undefined
      ? []
      : [say('quality.delay', { delay: milliseconds(quality.delay, words) })]),
    say('quality.jitter', { jitter: milliseconds(quality.jitter, words) }),
    say('quality.loss', { loss: format.percent(lossOf(quality)) }),
    say('quality.rate', { rate: format.bitrate(quality.throughput) }),
  ].join(', ')
}

/** Short times with a digit behind the point. */
function milliseconds(value: number, { say, format }: TestWords): string {
  return say('unit.ms', { n: format.decimal(value, value < 10 ? 1 : 0) })
}

function listOf(ways: readonly TestTransport[], { say, language }: TestWords): string {
  return new Intl.ListFormat(language, { type: 'conjunction' }).format(ways.map(way => say(`way.${way}`)))
}
