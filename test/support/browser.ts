import { mkdtempSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page, PuppeteerNode } from 'puppeteer-core'
import type { Namespace } from './namespaces.ts'

// Tap's TypeScript loader cannot follow one of the ESM build's imports, the export map of chromium-bidi; require() can.
const puppeteer: PuppeteerNode = createRequire(import.meta.url)('puppeteer-core').default

export type BrowserName = 'chromium' | 'firefox-esr'

/** What Chromium takes for a name of 127.0.0.1. */
export const RELAY_NAME = 'turn.test'

const CHROMIUM_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
  '--disable-features=WebRtcHideLocalIpsWithMdns',
  // The test's certificate is self-signed.
  '--ignore-certificate-errors',
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
]

/** For a relay on loopback: such addresses are no ICE candidates otherwise, and WebRTC would not relay from them. */
const LOOPBACK_FLAGS = [
  '--allow-loopback-in-peer-connection',
  `--host-resolver-rules=MAP ${RELAY_NAME} 127.0.0.1`,
]

const COMMON = { headless: true, timeout: 60_000, protocolTimeout: 120_000 }

const FIREFOX_PREFERENCES = {
  'media.peerconnection.ice.loopback': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
  'media.peerconnection.ice.no_host': false,
  'media.navigator.streams.fake': true,
  'media.navigator.permission.disabled': true,
  'media.autoplay.default': 0,
  'network.proxy.type': 0,
  'app.update.enabled': false,
  'datareporting.policy.dataSubmissionEnabled': false,
}

export interface RunningBrowser {
  readonly page: Page
  readonly version: string
  stop(): Promise<void>
}

/**
 * Starts a browser without a window on an empty profile and opens `html`, served from 127.0.0.1.
 * `preferences` are Firefox's, over those of all tests.
 */
export async function openInBrowser(
  name: BrowserName,
  html: string,
  preferences: Readonly<Record<string, unknown>> = {},
): Promise<RunningBrowser> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html; charset=utf-8')
    response.end(html)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const end = () => {
    server.closeAllConnections()
    server.close()
  }
  try {
    const { port } = server.address() as AddressInfo
    const running = await visit(name, `http://127.0.0.1:${port}/`, preferences)
    const stop = async () => {
      await running.stop()
      end()
    }
    return { ...running, stop }
  } catch (error) {
    end()
    throw error
  }
}

/** Starts a browser without a window on an empty profile and opens this address. */
export async function visit(
  name: BrowserName,
  url: string,
  preferences: Readonly<Record<string, unknown>> = {},
): Promise<RunningBrowser> {
  return openWith(url, profile => launch(name, profile, preferences))
}

/** Starts Chromium in another network, with that network's /etc/resolv.conf, and opens a page of its own. */
export async function visitFrom(
  network: Namespace,
  html: string,
  resolvConf: string,
): Promise<RunningBrowser> {
  const folder = mkdtempSync(join(tmpdir(), 'browser-page-'))
  const executablePath = join(folder, 'chromium')
  const inside = `mount --bind ${folder}/resolv.conf /etc/resolv.conf && exec chromium "$@"`
  const enter = ['nsenter', `--net=${network.path}`, 'unshare', '--mount', 'sh', '-c', `'${inside}'`, 'sh']
  writeFileSync(executablePath, `#!/bin/sh\nexec ${enter.join(' ')} "$@"\n`, { mode: 0o755 })
  writeFileSync(join(folder, 'resolv.conf'), resolvConf)
  writeFileSync(join(folder, 'page.html'), html)
  const running = await openWith(`file://${folder}/page.html`, profile =>
    puppeteer.launch({
      ...COMMON,
      userDataDir: profile,
      // A port of that network cannot be reached from here.
      pipe: true,
      executablePath,
      args: CHROMIUM_FLAGS,
    }),
  )
  const stop = async () => {
    await running.stop()
    await rm(folder, { recursive: true, force: true })
  }
  return { ...running, stop }
}

async function openWith(url: string, start: (profile: string) => Promise<Browser>): Promise<RunningBrowser> {
  const folder = mkdtempSync(join(tmpdir(), 'browser-test-'))
  let browser: Browser | undefined
  const stop = async () => {
    await browser?.close()
    // The browser's helpers may still be writing when it has closed.
    await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 })
  }
  try {
    browser = await start(folder)
    const page = await browser.newPage()
    await page.goto(url)
    return { page, version: await browser.version(), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function launch(
  name: BrowserName,
  profile: string,
  preferences: Readonly<Record<string, unknown>>,
): Promise<Browser> {
  const common = { ...COMMON, userDataDir: profile }
  return name === 'chromium'
    ? puppeteer.launch({
        ...common,
        executablePath: '/usr/bin/chromium',
        args: [...CHROMIUM_FLAGS, ...LOOPBACK_FLAGS],
      })
    : puppeteer.launch({
        ...common,
        browser: 'firefox',
        executablePath: '/usr/bin/firefox-esr',
        extraPrefsFirefox: { ...FIREFOX_PREFERENCES, ...preferences },
        env: { ...process.env, HOME: profile },
      })
}
