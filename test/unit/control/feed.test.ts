import { once } from 'node:events'
import t from 'tap'
import { ACT, fakePlane, Listener, READ, rawConnection, session } from '../../support/fake-control.ts'

t.test('whoever shows a token is told everything, and then what changes', async t => {
  const plane = await fakePlane(t, { patience: { tick: 20 } })
  const listener = new Listener(plane.port)
  await listener.opened()
  listener.hello(READ)
  const snapshot = await listener.hears('snapshot')
  t.match(snapshot, { rights: 'read', sessions: [{ id: '1' }, { id: '2' }], more: 0 })

  plane.control.sessions = [session('2', { dropped: 7 }), session('3')]
  const from = listener.heard.length
  for (;;) {
    const delta = await listener.hears('delta', from)
    if (delta.opened.length === 0) {
      listener.heard.splice(from, 1)
      continue
    }
    t.match(delta, { opened: [{ id: '3' }], closed: ['1'], changed: [{ id: '2', dropped: 7 }] })
    t.strictSame(Object.keys(delta.status), ['at'], 'of the status what has changed')
    t.strictSame(Object.keys(delta.changed[0]!).toSorted(), ['dropped', 'id'])
    break
  }
  listener.ws.close()
})

t.test('deltas have one number after the other, and whoever comes back goes on there', async t => {
  const plane = await fakePlane(t, { patience: { tick: 20 } })
  const [first, second] = [new Listener(plane.port), new Listener(plane.port)]
  await Promise.all([first.opened(), second.opened()])
  first.hello(READ)
  second.hello(READ)
  const { epoch } = await first.hears('snapshot')
  const { seq } = await first.hears('delta')
  first.ws.close()
  await first.closed

  const again = new Listener(plane.port)
  await again.opened()
  again.hello(READ, { epoch, seq })
  const next = await again.hears('delta')
  t.equal(next.seq, seq + 1)
  t.notOk(
    again.heard.some(({ type }) => type === 'snapshot'),
    'without a snapshot',
  )

  const other = new Listener(plane.port)
  await other.opened()
  other.hello(READ, { epoch: 'of another start', seq })
  t.ok(await other.hears('snapshot'), 'of another start of the relay, everything is told anew')
  for (const one of [second, again, other]) one.ws.close()
})

t.test('nobody looks while nobody listens', async t => {
  const plane = await fakePlane(t, { patience: { tick: 5 } })
  const listener = new Listener(plane.port)
  await listener.opened()
  t.equal(plane.control.looks, 0)
  listener.hello(READ)
  await listener.hears('delta')
  listener.ws.close()
  await listener.closed
  while (plane.feed.listeners > 0) await new Promise(resolve => setImmediate(resolve))
  const { looks } = plane.control
  await new Promise(resolve => setTimeout(resolve, 50))
  t.ok(plane.control.looks <= looks + 1, 'but for the look that was under way')
})

t.test('a wrong origin is refused before anything is said [SEC-24]', async t => {
  const plane = await fakePlane(t)
  await t.rejects(new Listener(plane.port, { origin: 'https://evil.example' }).opened(), /403/)
  await t.rejects(new Listener(plane.port, { origin: 'null' }).opened(), /403/)
  await t.rejects(new Listener(plane.port, { host: 'evil.example' }).opened(), /421/)
  const good = new Listener(plane.port, { origin: 'https://turn.example.org' })
  await good.opened()
  good.ws.close()
})

t.test('without a right token nothing is told, and a line says so [SEC-24]', async t => {
  for (const token of ['', 'wrong', `${READ} `]) {
    const plane = await fakePlane(t)
    const listener = new Listener(plane.port)
    await listener.opened()
    listener.hello(token)
    t.match(await listener.hears('refused'), { error: /wrong or has expired/, hint: /taciturn console/ })
    t.equal(await listener.closed, 4401)
    t.equal(listener.heard.length, 1)
    t.equal(plane.control.looks, 0)
    t.match(plane.lines(), [{ who: 'nobody', what: 'token', outcome: 'refused' }])
  }
})

t.test('whoever does not say hello in time is hung up on', async t => {
  const plane = await fakePlane(t, { patience: { hello: 30 } })
  const listener = new Listener(plane.port)
  await listener.opened()
  t.equal(await listener.closed, 1006)
  t.equal(plane.feed.listeners, 0)
})

t.test('anything but one hello closes the connection', async t => {
  const plane = await fakePlane(t)
  const say = async (...messages: (string | Buffer)[]) => {
    const listener = new Listener(plane.port)
    await listener.opened()
    for (const message of messages) listener.ws.send(message)
    return listener.closed
  }
  t.equal(await say('not json'), 1008)
  t.equal(await say('{"type":"hi"}'), 1008)
  t.equal(await say(Buffer.from(JSON.stringify({ type: 'hello', token: READ }))), 1008, 'binary')
  t.equal(await say(JSON.stringify({ type: 'hello', token: READ }), 'and now?'), 1008)
})

t.test('a message of 100 MB is not taken in', async t => {
  const plane = await fakePlane(t)
  const socket = await rawConnection(plane.port)
  socket.write(
    'GET /api/v1/live HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  )
  const [answer] = await once(socket, 'data')
  t.match(answer.toString(), /^HTTP\/1\.1 101/)
  // A masked text frame whose header claims 100 MB; what follows it never arrives anywhere.
  const header = Buffer.alloc(14)
  header[0] = 0x81
  header[1] = 0x80 | 127
  header.writeBigUInt64BE(100_000_000n, 2)
  socket.write(header)
  socket.on('error', () => undefined)
  const before = process.memoryUsage().rss
  socket.write(Buffer.alloc(1_000_000))
  await once(socket, 'close')
  t.ok(process.memoryUsage().rss - before < 50_000_000)
})

t.test(
  'a reader that stalls is sent no more after half a megabyte, and is gone when it stays so',
  async t => {
    const plane = await fakePlane(t, { patience: { tick: 10, drain: 200 } })
    // Every delta is large: a quarter of a megabyte of sessions that come and go.
    let turn = 0
    Object.defineProperty(plane.control, 'sessions', {
      get: () => {
        turn++
        return Array.from({ length: 400 }, (_, i) => session(`${turn}-${i}`, { user: 'u'.repeat(400) }))
      },
    })
    const good = new Listener(plane.port)
    await good.opened()
    good.hello(READ)
    await good.hears('snapshot')
    const socket = await rawConnection(plane.port)
    socket.on('error', () => undefined)
    socket.write(
      'GET /api/v1/live HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    )
    await once(socket, 'data')
    const hello = Buffer.from(JSON.stringify({ type: 'hello', token: ACT }))
    // A mask of zeros leaves the text as it is.
    socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | hello.length, 0, 0, 0, 0]), hello]))
    await once(socket, 'data')
    socket.pause()
    while (plane.feed.listeners < 2) await new Promise(resolve => setImmediate(resolve))
    while (plane.feed.listeners > 1) await new Promise(resolve => setTimeout(resolve, 10))
    t.equal(plane.feed.listeners, 1, 'and the other one is still told')
    const from = good.heard.length
    t.ok(await good.hears('delta', from))
    socket.destroy()
    good.ws.close()
  },
)

t.test('a reader that has caught up is told everything anew', async t => {
  const plane = await fakePlane(t, { patience: { tick: 10, drain: 60_000 } })
  let turn = 0
  Object.defineProperty(plane.control, 'sessions', {
    get: () => {
      turn++
      return Array.from({ length: 400 }, (_, i) => session(`${turn}-${i}`, { user: 'u'.repeat(400) }))
    },
  })
  const listener = new Listener(plane.port)
  await listener.opened()
  listener.hello(READ)
  const { seq } = await listener.hears('snapshot')
  listener.ws.pause()
  // Longer than what the kernel and half a megabyte can hold.
  while (turn < 200) await new Promise(resolve => setTimeout(resolve, 10))
  listener.ws.resume()
  const isLater = () => listener.heard.findIndex((one, i) => i > 0 && one.type === 'snapshot')
  while (isLater() < 0) await new Promise(resolve => setTimeout(resolve, 5))
  const again = listener.heard[isLater()]!
  t.ok(again.type === 'snapshot' && again.seq > seq)
  const missed = listener.heard.filter(({ type }) => type === 'delta').length
  t.ok(again.type === 'snapshot' && missed < again.seq, 'and what it missed was not kept for it')
  listener.ws.close()
})

t.test('a token that ends closes what it opened', async t => {
  const plane = await fakePlane(t, { patience: { tick: 10 } })
  const listener = new Listener(plane.port)
  await listener.opened()
  listener.hello(READ)
  await listener.hears('snapshot')
  plane.tokens.configure([])
  t.match(await listener.hears('refused'), { error: /has expired or has been revoked/ })
  t.equal(await listener.closed, 4401)
})

t.test('U-21: why it is told nothing more, a listener hears in its language', async t => {
  const plane = await fakePlane(t, { patience: { tick: 10 } })
  const german = { 'accept-language': 'de-AT, en;q=0.5' }
  for (const [headers, hello, error] of [
    [{}, {}, /wrong or has expired/],
    [german, {}, /falsch oder abgelaufen/],
    // A page need not be in the language of its browser.
    [german, { language: 'en' }, /wrong or has expired/],
    [{}, { language: 'de' }, /falsch oder abgelaufen/],
  ] as const) {
    const listener = new Listener(plane.port, headers)
    await listener.opened()
    listener.hello('wrong', hello)
    t.match(await listener.hears('refused'), { error })
    await listener.closed
  }
  const listener = new Listener(plane.port, german)
  await listener.opened()
  listener.hello(READ)
  await listener.hears('snapshot')
  plane.tokens.configure([])
  t.match(await listener.hears('refused'), { error: /abgelaufen oder wurde widerrufen/ })
})

t.test('there are so many listeners and no more', async t => {
  const plane = await fakePlane(t)
  const all = Array.from({ length: 32 }, () => new Listener(plane.port))
  await Promise.all(all.map(one => one.opened()))
  for (const one of all) one.hello(READ)
  await Promise.all(all.map(one => one.hears('snapshot')))
  await t.rejects(new Listener(plane.port).opened(), /503/)
  for (const one of all) one.ws.close()
})

t.test('S-12: connections that never say hello do not keep a listener out', async t => {
  const plane = await fakePlane(t)
  const silent: Listener[] = []
  for (let i = 0; i < 40; i++) {
    const one = new Listener(plane.port)
    await one.opened()
    silent.push(one)
  }
  const listener = new Listener(plane.port)
  await listener.opened()
  listener.hello(READ)
  t.ok(await listener.hears('snapshot'))
  t.equal(await silent[0]!.closed, 1006, 'the one that has waited longest')
  for (const one of [...silent, listener]) one.ws.terminate()
})
