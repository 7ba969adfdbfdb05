import t from 'tap'
import { csvLine } from '../../../src/base/csv.ts'
import { ask, fakePlane, READ, session } from '../../support/fake-control.ts'

t.test('UW-12: a table is written as RFC 4180 has it, and holds no formula', async t => {
  t.equal(
    [
      ['a', 'b'],
      ['x,y', 1],
      ['say "no"', -2],
    ]
      .map(csvLine)
      .join(''),
    'a,b\r\n"x,y",1\r\n"say ""no""",-2\r\n',
  )
  for (const formula of ['=1+1', '+1', '-1', '@SUM(A1)', '\tx'])
    t.equal(csvLine([formula])[0], "'", JSON.stringify(formula))
  t.equal(csvLine(['\r=1']), '"\'\r=1"\r\n')
})

t.test('UW-12: nor one behind a space or a separator of another country, or in wide characters', async t => {
  for (const formula of ['=', '+', '-', '@', '＝', '＋', '－', '＠'])
    for (const [before, after] of [
      ['', "'"],
      [' ', " '"],
      ['\u00a0', "\u00a0'"],
      ['a;', "a;'"],
      ['a; ', "a; '"],
      ['a\n', "a\n'"],
      ['a\t', "a\t'"],
      ['a|', "a|'"],
    ]) {
      const line = csvLine([`${before}${formula}1`]).replaceAll('"', '')
      t.equal(line, `${after}${formula}1\r\n`, JSON.stringify(line))
    }
  t.equal(csvLine(['a;b']), '"a;b"\r\n')
  t.equal(csvLine(['a-b@c.d=e', undefined, -1]), 'a-b@c.d=e,,-1\r\n', 'what is no formula stays as it is')
})

t.test('UW-12: sessions, history and reasons are tables, for who may read, and name nobody', async t => {
  const plane = await fakePlane(t)
  plane.control.sessions = [session('1', { homeserver: '=evil', relayed: ['198.51.100.7:1', '[::1]:2'] })]
  const get = async (path: string) => ask(plane, 'GET', `/api/v1/${path}`, { token: READ })
  const sessions = await get('sessions.csv')
  t.equal(sessions.status, 200)
  t.match(sessions.headers, {
    'content-type': 'text/csv; charset=utf-8',
    'content-disposition': 'attachment; filename="taciturn-sessions.csv"',
    'cache-control': 'no-store',
  })
  const [head, row, end] = sessions.body.split('\r\n')
  t.match(head, /^id,homeserver,user,client,transport/)
  t.match(row, /^1,'=evil,user1,client1,udp,4,198\.51\.100\.7:1 \[::1\]:2,1970-01-01T00:00:00\.001Z/)
  t.equal(end, '')
  t.equal(head.split(',').length, row.split(',').length)
  t.match(
    (await get('history.csv?span=recent')).body,
    /^at,sessions.*\r\n1970-01-01T00:00:00\.001Z,2,3,4,5,0,0\r\n$/,
  )
  t.equal(
    (await get('history.csv')).headers['content-disposition'],
    'attachment; filename="taciturn-history-hours.csv"',
  )
  t.equal((await get('history.csv?span=year')).status, 400)
  t.equal((await get('rejected.csv')).body, 'what,reason,count\r\n')
  t.equal((await ask(plane, 'GET', '/api/v1/sessions.csv')).status, 401)
})
