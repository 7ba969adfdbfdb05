import type { Language } from './language.ts'

/** A no-break space: number and unit stay on one line. */
const SPACE = '\u00a0'
const MINUTE = 60
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** Writes figures as people read them; every number goes through Intl. */
export class Format {
  readonly #language: Language
  readonly #integer: Intl.NumberFormat
  readonly #fraction: readonly Intl.NumberFormat[]
  readonly #time: Intl.DateTimeFormat
  readonly #minute: Intl.DateTimeFormat
  readonly #day: Intl.DateTimeFormat
  readonly #date: Intl.DateTimeFormat
  readonly #dateTime: Intl.DateTimeFormat
  readonly #plain: Intl.NumberFormat

  constructor(language: Language, timeZone?: string) {
    this.#language = language
    const locale = language === 'de' ? 'de-DE' : 'en-GB'
    const zone = timeZone === undefined ? {} : { timeZone }
    this.#integer = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 })
    this.#fraction = [0, 1, 2].map(
      digits =>
        new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits }),
    )
    this.#time = new Intl.DateTimeFormat(locale, { timeStyle: 'medium', hour12: false, ...zone })
    this.#minute = new Intl.DateTimeFormat(locale, {
      hour: '2-digit',
      minute: '2-digit',
      hour12: false,
      ...zone,
    })
    this.#day = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', ...zone })
    this.#date = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', ...zone })
    this.#dateTime = new Intl.DateTimeFormat(locale, {
      day: 'numeric',
      month: 'short',
      year: 'numeric',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      hour12: false,
      timeZoneName: 'short',
      ...zone,
    })
    this.#plain = new Intl.NumberFormat(locale, { useGrouping: false, maximumFractionDigits: 20 })
  }

  get language(): Language {
    return this.#language
  }

  integer(value: number): string {
    return this.#integer.format(value)
  }

  /** A number as it is, such as a port: no thousands separator, the decimal mark of the language. */
  plain(value: number): string {
    return this.#plain.format(value)
  }

  /** A number with at most `digits` decimals. */
  upTo(value: number, digits: number): string {
    return this.#plain.format(Number(value.toFixed(digits)))
  }

  /** A share of one; between zero and one per cent it says so instead of 0. */
  percent(share: number): string {
    const value = share * 100
    if (value > 0 && value < 1) return `<${SPACE}1${SPACE}%`
    return `${this.#integer.format(value)}${SPACE}%`
  }

  /** A fixed number of decimals: 0, 1 or 2. */
  decimal(value: number, digits: 0 | 1 | 2): string {
    return this.#fraction[digits]!.format(value)
  }

  /** Bytes per second as bits per second, the unit of lines and calls. */
  bitrate(bytesPerSecond: number): string {
    return this.#scaled(bytesPerSecond * 8, ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s'])
  }

  /** An amount of bytes, in powers of ten. */
  bytes(bytes: number): string {
    return this.#scaled(bytes, ['B', 'kB', 'MB', 'GB', 'TB', 'PB'])
  }

  /** A count per second, with one decimal where it is small and not a whole number. */
  perSecond(count: number): string {
    const digits = Number.isInteger(count) || count >= 10 ? 0 : 1
    return `${this.#fraction[digits]!.format(count)}/s`
  }

  /** How long something takes or has lasted, in its two largest units; milliseconds. */
  duration(milliseconds: number): string {
    const seconds = Math.max(0, Math.floor(milliseconds / 1000))
    const two = (value: number) => String(value).padStart(2, '0')
    const join = (large: number, unit: string, small: string) =>
      `${this.#integer.format(large)}${SPACE}${unit}${SPACE}${small}`
    if (seconds < MINUTE) return `${seconds}${SPACE}s`
    if (seconds < HOUR) return join(Math.floor(seconds / MINUTE), 'min', `${two(seconds % MINUTE)}${SPACE}s`)
    if (seconds < DAY)
      return join(Math.floor(seconds / HOUR), 'h', `${two(Math.floor((seconds % HOUR) / MINUTE))}${SPACE}min`)
    return join(Math.floor(seconds / DAY), 'd', `${Math.floor((seconds % DAY) / HOUR)}${SPACE}h`)
  }

  /** Hour, minute and second. */
  time(at: number): string {
    return this.#time.format(at)
  }

  /** Hour and minute. */
  minute(at: number): string {
    return this.#minute.format(at)
  }

  /** Day and month. */
  day(at: number): string {
    return this.#day.format(at)
  }

  date(at: number): string {
    return this.#date.format(at)
  }

  /** Date, time and time zone. */
  dateTime(at: number): string {
    return this.#dateTime.format(at)
  }

  /** Three significant digits, so that a moving figure keeps its width. */
  #scaled(value: number, units: readonly string[]): string {
    let unit = 0
    let scaled = value
    // 999.5 would be rounded to a thousand.
    while (scaled >= 999.5 && unit < units.length - 1) {
      scaled /= 1000
      unit++
    }
    const digits = unit === 0 || scaled >= 99.95 ? 0 : scaled >= 9.995 ? 1 : 2
    return `${this.#fraction[digits]!.format(scaled)}${SPACE}${units[unit]}`
  }
}
