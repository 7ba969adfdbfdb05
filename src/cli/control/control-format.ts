import type { SessionView, Status } from '../../control/view.ts'
import { healthText, healthWords, uncheckedText } from '../../health/words.ts'
import type { Language } from '../../texts/language.ts'
import type { Paint } from '../io.ts'
import type { CliWords } from '../words.ts'

const DAY = 86_400_000

/** Writes how the relay is, one fact a line. */
export function statusLines(status: Status, words: CliWords, paint: Paint): string[] {
  const { format, language } = words
  const number = (value: number) => format.integer(value)
  const state = paint(
    status.state === 'serving' ? 'green' : 'yellow',
    words.say(`control.states.${status.state}`),
  )
  const lines: [string, string][] = [[words.say('control.rows.state'), state]]
  lines.push(...healthLines(status, words, paint))
  lines.push(
    [words.say('control.rows.version'), status.version],
    [words.say('control.rows.running'), age(status.at - status.started)],
    ...status.listening.map((at, i): [string, string] => [
      i === 0 ? words.say('control.rows.listening') : '',
      at,
    ]),
    ...status.relays.map(({ local, public: seen }, i): [string, string] => [
      i === 0 ? words.say('control.rows.relays') : '',
      local === seen ? seen : `${seen} (${local})`,
    ]),
    [words.say('control.rows.udp'), workersText(status, words)],
    ...kernelRow(status, words, number),
    ...frontRows(status, words, number),
    [
      words.say('control.rows.allocations'),
      words.say('control.of', {
        used: number(status.allocations.live),
        total: number(status.allocations.limit),
      }),
    ],
    [words.say('control.rows.users'), number(status.users)],
    [
      words.say('control.rows.ports'),
      words.say('control.of', { used: number(status.ports.used), total: number(status.ports.total) }),
    ],
    [
      words.say('control.rows.rate'),
      words.say('control.flows', {
        toPeer: bits(status.rate.toPeer.bytes, language),
        toClient: bits(status.rate.toClient.bytes, language),
      }),
    ],
    [
      words.say('control.rows.traffic'),
      words.say('control.flows', {
        toPeer: bytesText(status.traffic.toPeer.bytes, language),
        toClient: bytesText(status.traffic.toClient.bytes, language),
      }),
    ],
    [words.say('control.rows.dropped'), reasons(status.dropped, language)],
    [words.say('control.rows.rejected'), reasons(withoutFirst(status.rejected), language)],
  )
  if (status.certificate) {
    const days = Math.floor((status.certificate.expires - status.at) / DAY)
    const date = new Date(status.certificate.expires)
    const text =
      days >= 0 ? words.count('control.validFor', days, { date }) : words.say('control.expired', { date })
    lines.push([words.say('control.rows.certificate'), days < 14 ? paint('red', text) : text])
  }
  const { reload, process } = status
  lines.push(
    [
      words.say('control.rows.configuration'),
      reload.ok
        ? words.say('control.configurationOk', { date: new Date(reload.at) })
        : paint('red', words.say('control.configurationBroken')),
    ],
    ...reload.problems.map((problem): [string, string] => ['', problem]),
    [
      words.say('control.rows.process'),
      words.say('control.cpu', {
        share: `${Math.round(process.cpu * 100)} %`,
        memory: bytesText(process.rss, language),
      }),
    ],
  )
  const width = Math.max(...lines.map(([name]) => name.length))
  return lines.map(([name, value]) => `${name.padEnd(width)}  ${value}`)
}

/** The findings, the worst first, or that all that was checked is good. */
function healthLines({ health }: Status, words: CliWords, paint: Paint): [string, string][] {
  const own = healthWords(words.language)
  const texts = health.findings.map(finding =>
    paint(finding.level === 'bad' ? 'red' : 'yellow', healthText(finding, own)),
  )
  if (texts.length === 0) texts.push(paint('green', own.count('good', health.checked)))
  texts.push(...health.unchecked.map(what => uncheckedText(what, own)))
  return texts.map((text, i) => [i === 0 ? words.say('control.rows.health') : '', text])
}

/** What stands in a session's place of its pseudonyms. */
export interface ShownAs {
  readonly user: string
  readonly client: string
}

/** Writes sessions as a table that fits `width`; what does not fit is cut at the end of the line. */
export function sessionLines(
  sessions: readonly (SessionView & { readonly shown?: ShownAs })[],
  at: number,
  words: CliWords,
  paint: Paint,
  width: number,
): string[] {
  const { language } = words
  const head = [
    words.say('control.columns.id'),
    words.say('control.columns.age'),
    words.say('control.columns.transport'),
    words.say('control.columns.toPeer'),
    words.say('control.columns.toClient'),
    words.say('control.columns.dropped'),
    words.say('control.columns.homeserver'),
    words.say('control.columns.user'),
    words.say('control.columns.client'),
    words.say('control.columns.relayed'),
  ]
  const rows = sessions.map(session => [
    session.id,
    age(at - session.since),
    `${session.transport}/${session.clientFamily}`,
    bits(session.rate.toPeer.bytes, language),
    bits(session.rate.toClient.bytes, language),
    session.dropped.toLocaleString(language),
    session.homeserver,
    session.shown?.user ?? session.user,
    session.shown?.client ?? session.client,
    session.relayed.join(' '),
  ])
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map(row => row[i]!.length)))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (RIGHT.has(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd()
  const fit = (text: string) => (text.length > width ? `${text.slice(0, Math.max(0, width - 1))}…` : text)
  return [paint('bold', fit(line(head))), ...rows.map(row => fit(line(row)))]
}

/** Columns of figures: age, rates and drops. */
const RIGHT: ReadonlySet<number> = new Set([1, 3, 4, 5])

/** Writes bytes per second as bits per second. */
export function bits(bytesPerSecond: number, language: Language): string {
  return scaled(bytesPerSecond * 8, 'bit/s', language)
}

export function bytesText(count: number, language: Language): string {
  return scaled(count, 'B', language)
}

export function reasons(counts: Readonly<Record<string, number>>, language: Language): string {
  const all = Object.entries(counts).filter(([, count]) => count > 0)
  if (all.length === 0) return '0'
  return all
    .sort(([, a], [, b]) => b - a)
    .map(([why, count]) => `${why} ${count.toLocaleString(language)}`)
    .join(', ')
}

function withoutFirst({ 'first-401': _, ...rest }: Readonly<Record<string, number>>): Record<string, number> {
  return rest
}

function scaled(value: number, unit: string, language: Language): string {
  const steps = ['', 'k', 'M', 'G', 'T']
  let step = 0
  let rest = value
  while (rest >= 1000 && step < steps.length - 1) {
    rest /= 1000
    step++
  }
  const digits = step === 0 || rest >= 100 ? 0 : 1
  return `${rest.toLocaleString(language, { maximumFractionDigits: digits })} ${steps[step]}${unit}`
}

/** Writes a duration: `4s`, `12m 03s`, `3h 05m`, `2d 04h`. */
export function age(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000))
  const two = (value: number) => String(value).padStart(2, '0')
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${two(seconds % 60)}s`
  const hours = Math.floor(seconds / 3600)
  if (hours < 24) return `${hours}h ${two(Math.floor((seconds % 3600) / 60))}m`
  return `${Math.floor(hours / 24)}d ${two(hours % 24)}h`
}

/** What the kernel relays by itself, where it was asked to. */
function kernelRow(
  { kernel }: Status,
  words: CliWords,
  number: (value: number) => string,
): [string, string][] {
  if (!kernel) return []
  const packets = number(kernel.toPeer + kernel.toClient)
  const text = kernel.connected
    ? words.say('control.kernel.on', { routes: number(kernel.routes), packets })
    : words.say('control.kernel.off')
  return [[words.say('control.rows.kernel'), text]]
}

function frontRows(
  { proxy, web }: Status,
  words: CliWords,
  number: (value: number) => string,
): [string, string][] {
  const rows: [string, string][] = []
  if (proxy) {
    const { from, clients, own, refused } = proxy
    const counts = { clients: number(clients), own: number(own), refused: number(refused) }
    rows.push([
      words.say('control.rows.proxy'),
      words.say('control.proxy', { from: from.join(', '), ...counts }),
    ])
  }
  if (web) {
    const { to, connections, toServer, toClient } = web
    const bytes = bytesText(toServer + toClient, words.language)
    rows.push([
      words.say('control.rows.web'),
      words.say('control.web', { to, connections: number(connections), bytes }),
    ])
  }
  return rows
}

function workersText({ udp, workers }: Status, words: CliWords): string {
  const running = words.count('control.workers', workers.running, { kind: udp })
  const { missing } = workers
  return missing > 0 ? `${running}${words.say('control.workersMissing', { missing })}` : running
}
