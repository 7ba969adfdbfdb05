import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { type BrowserName, openInBrowser } from '../support/browser.ts'
import { CALL_PAGE, type Call } from '../support/call-page.ts'
import { credential } from '../support/credentials.ts'
import { enterNamespace, needNamespaces } from '../support/namespaces.ts'
import { freePort } from '../support/ports.ts'
import { startRelay } from '../support/relay.ts'
import { startHaproxy, startNginx } from '../support/web-front.ts'

/*
 * A browser meets a relay behind HAProxy or nginx on its own host, which is where
 * Firefox takes no relay candidate unless it is seen with an address that is
 * not loopback (P-19).
 */

/** What the browser knows of the host. */
const PUBLIC = '198.18.7.7'

t.setTimeout(300_000)

const isInside = await enterNamespace(import.meta.url)
if (isInside) {
  execFileSync('ip', ['link', 'add', 'lan', 'type', 'veth', 'peer', 'name', 'far'])
  execFileSync('ip', ['address', 'add', `${PUBLIC}/24`, 'dev', 'lan'])
  for (const end of ['lan', 'far']) execFileSync('ip', ['link', 'set', end, 'up'])
  execFileSync('ip', ['route', 'add', 'default', 'dev', 'lan'])
}

for (const [name, proxy] of [
  ['firefox-esr', 'haproxy'],
  ['chromium', 'haproxy'],
  ['firefox-esr', 'nginx'],
  ['chromium', 'nginx'],
] as const satisfies readonly (readonly [BrowserName, string])[]) {
  const title = `P-19: two peers in ${name} hold a relayed call through ${proxy} on the relay's own host, with PROXY`
  t.test(title, needNamespaces(name, proxy, 'openssl'), async t => {
    const [port, tcp, front] = [await freePort(), await freePort(), await freePort()]
    const relay = await startRelay({
      port,
      settings: {
        listen: [`udp://127.0.0.1:${port}`, `tcp://127.0.0.1:${tcp}?proxy`],
        proxy: { from: ['127.0.0.1'] },
        relay: { addresses: [PUBLIC] },
        log: { level: 'info', format: 'json', privacy: 'full' },
      },
    })
    t.teardown(() => relay.stop())
    const folder = mkdtempSync(join(tmpdir(), 'proxy-test-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    if (proxy === 'nginx') {
      const lines = `stream {
    server {
        listen ${PUBLIC}:${front};
        listen 127.0.0.1:${front};
        proxy_pass 127.0.0.1:${tcp};
        proxy_protocol on;
        proxy_timeout 1h;
    }
}
`
      await startNginx(t, folder, lines, front)
    } else {
      const lines = `defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
listen turn
    bind ${PUBLIC}:${front}
    bind 127.0.0.1:${front}
    server relay 127.0.0.1:${tcp} send-proxy-v2 check check-send-proxy
`
      await startHaproxy(t, folder, lines, front)
    }
    // As for everybody: other tests let loopback addresses be candidates.
    const browser = await openInBrowser(name, CALL_PAGE, { 'media.peerconnection.ice.loopback': false })
    t.teardown(() => browser.stop())
    t.comment(browser.version)

    const { username, password } = credential(relay.secret, '@alice:example.org')
    const urls = [`turn:${PUBLIC}:${front}?transport=tcp`]
    const call = (await browser.page.evaluate(
      `call(${JSON.stringify({ urls, username, credential: password })}, 5)`,
    )) as Call

    t.same(call.state, ['connected', 'connected'])
    for (const { local, remote } of call.pairs) {
      t.match(
        [local, remote],
        [
          { type: 'relay', address: PUBLIC },
          { type: 'relay', address: PUBLIC },
        ],
      )
    }
    t.ok((call.samples.at(-1)?.echoes ?? 0) > 0, 'messages came back')
    t.match(
      relay.child.output,
      new RegExp(`"client":"${PUBLIC.replaceAll('.', '\\.')}:`),
      'the log knows the client',
    )
    t.notMatch(relay.child.output, /connection not served/)
  })
}
