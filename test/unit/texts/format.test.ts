import t from 'tap'
import { Format } from '../../../src/texts/format.ts'

const en = new Format('en', 'UTC')
const de = new Format('de', 'UTC')
/** As one reads it: with plain spaces. */
const plain = (text: string) => text.replaceAll('\u00a0', ' ')

t.test('rates are bits, in powers of ten, with three significant digits', t => {
  t.equal(plain(en.bitrate(0)), '0 bit/s')
  t.equal(plain(en.bitrate(100)), '800 bit/s')
  t.equal(plain(en.bitrate(125)), '1.00 kbit/s')
  t.equal(plain(en.bitrate(427_000)), '3.42 Mbit/s')
  t.equal(plain(en.bitrate(4_270_000)), '34.2 Mbit/s')
  t.equal(plain(en.bitrate(42_700_000)), '342 Mbit/s')
  t.equal(plain(de.bitrate(427_000)), '3,42 Mbit/s')
  t.end()
})

t.test('what would be rounded to a thousand takes the next unit', t => {
  t.equal(plain(en.bytes(999)), '999 B')
  t.equal(plain(en.bytes(999_499)), '999 kB')
  t.equal(plain(en.bytes(999_500)), '1.00 MB')
  t.equal(plain(en.bytes(9_994)), '9.99 kB')
  t.equal(plain(en.bytes(9_996)), '10.0 kB')
  t.equal(plain(en.bytes(12e15)), '12.0 PB')
  t.end()
})

t.test('durations name their two largest units and keep their width', t => {
  t.equal(plain(en.duration(-5)), '0 s')
  t.equal(plain(en.duration(59_999)), '59 s')
  t.equal(plain(en.duration(65_000)), '1 min 05 s')
  t.equal(plain(en.duration(3_725_000)), '1 h 02 min')
  t.equal(plain(en.duration(2 * 86_400_000 + 3 * 3_600_000)), '2 d 3 h')
  t.end()
})

t.test('a little is not nothing', t => {
  t.equal(plain(en.percent(0)), '0 %')
  t.equal(plain(en.percent(0.004)), '< 1 %')
  t.equal(plain(en.percent(0.834)), '83 %')
  t.equal(en.perSecond(0.25), '0.3/s')
  t.equal(en.perSecond(1234), '1,234/s')
  t.equal(de.perSecond(1234), '1.234/s')
  t.end()
})

t.test('times are of the day, dates in the order of the language', t => {
  const at = Date.UTC(2030, 4, 14, 15, 6, 7)
  t.equal(en.time(at), '15:06:07')
  t.equal(en.minute(at), '15:06')
  t.equal(en.date(at), '14 May 2030')
  t.equal(de.date(at), '14.05.2030')
  t.equal(de.dateTime(at), '14. Mai 2030, 15:06:07 UTC')
  t.end()
})
