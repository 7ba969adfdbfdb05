import type { Server } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Address, formatAddress, formatIp } from '../base/address.ts'
import { stackOf } from '../base/stack.ts'
import type { Settings } from '../config/settings.ts'
import { AccessLog } from '../control/access-log.ts'
import type { Desk } from '../control/call.ts'
import type { Control } from '../control/control.ts'
import { listenAt, SocketPathError } from '../control/control-socket.ts'
import { socketDoor, webDoor } from '../control/door.ts'
import { Feed } from '../control/feed/feed.ts'
import { OidcDoor } from '../control/sign-in/oidc-door.ts'
import type { TestRuns } from '../control/tests/test-runs.ts'
import { Tokens } from '../control/tokens.ts'
import type { BudgetsControl } from '../control/usage/budgets-control.ts'
import type { UsageControl } from '../control/usage/usage-control.ts'
import { OWN_PAGE_LIFE, type UsagePages } from '../control/usage/usage-pages.ts'
import { WrongTokens } from '../control/wrong-tokens.ts'
import type { Owner } from '../core/event.ts'
import type { AllowedHosts } from '../http/origin.ts'
import { closeServer, listenOn } from '../http/server.ts'
import type { Log } from '../log/log.ts'
import { cannotControl, cannotServeConsole } from '../relay/start-error.ts'

/** Where the build puts the console. */
const PAGES = fileURLToPath(new URL('../../dist/console/', import.meta.url))
/** Wrong tokens of one client in a minute that are answered as such. */
const WRONG_TOKENS = 10

export interface ControlPlaneParts {
  readonly control: Control
  readonly log: Log
  readonly tests: TestRuns
  readonly ledger: UsageControl | undefined
  readonly own: UsagePages | undefined
  readonly budgets: BudgetsControl | undefined
}

/** The control socket, the console and the access log, as the settings want them. */
export class ControlPlane {
  readonly #log: Log
  readonly #desk: Desk
  readonly #feed: Feed
  readonly #oidc: OidcDoor
  readonly #socket: Server | undefined
  readonly #web: Server | undefined
  #settings: Settings
  #isServed = false

  /** Opens nothing yet. */
  constructor(settings: Settings, { control, log, tests, ledger, own, budgets }: ControlPlaneParts) {
    this.#settings = settings
    this.#log = log
    const fault = (error: unknown) => {
      const text = stackOf(error)
      log.limited(
        'control-fault',
        'error',
        'a fault of the program in the control plane; please report it',
        () => ({
          error: text,
        }),
      )
    }
    const tokens = new Tokens()
    const file = join(settings.state, 'access.log')
    const access = new AccessLog({
      file,
      written: ({ what, who, from, on, outcome }) => log.info('control', { what, who, from, on, outcome }),
      broken: error =>
        log.error('the access log cannot be written; names are not shown until it can', {
          file,
          error: error.message,
        }),
    })
    const wrong = new WrongTokens(WRONG_TOKENS)
    this.#desk = {
      control,
      log: access,
      tokens,
      url: () => this.#url(),
      provider: () => this.#oidc.provider,
      ...(settings.testing && { tests }),
      ...(ledger && { ledger }),
      ...(own && { own }),
      ...(budgets && { budgets }),
    }
    this.#oidc = new OidcDoor({
      desk: this.#desk,
      failed: error =>
        log.limited('oidc', 'warn', 'somebody could not sign in to the console', () => ({
          error: error.message,
          cause: error.cause instanceof Error ? error.cause.message : undefined,
        })),
    })
    this.#feed = new Feed({
      control,
      tokens,
      wrong,
      refused: ({ who, from }) => void access.write({ who, from, what: 'token', outcome: 'refused' }),
      fault,
    })
    this.#socket = settings.control ? socketDoor({ desk: this.#desk, fault }) : undefined
    this.#web = settings.console
      ? webDoor({
          desk: this.#desk,
          fault,
          feed: this.#feed,
          wrong,
          oidc: this.#oidc,
          pages: PAGES,
          names: () => this.#names(),
          trustedProxies: () => (this.#settings.console ? this.#settings.console.trustedProxies : []),
        })
      : undefined
    this.configure(settings)
  }

  /** Opens both doors, or throws a `StartError`; what nobody asked for may fail with a warning. */
  async listen(): Promise<void> {
    await this.listenAtSocket()
    await this.listenOnWeb()
  }

  configure(settings: Settings): void {
    this.#settings = settings
    const { console } = settings
    this.#desk.tokens.configure(console ? console.tokens : [])
    this.#oidc.configure(console ? console.oidc : undefined)
  }

  /** A link to the page about somebody's own use; undefined where there is none, or while the console is not served. */
  usageLink(owner: Owner): { readonly url: string; readonly expires: number } | undefined {
    const url = this.#url()
    const { own } = this.#desk
    if (url === undefined || !own) return undefined
    const { token, expires } = own.link(owner, OWN_PAGE_LIFE)
    return { url: `${url}/usage#${token}`, expires }
  }

  close(): void {
    this.#feed.close()
    for (const server of [this.#socket, this.#web]) if (server) closeServer(server)
    this.#desk.log.close()
  }

  async listenAtSocket(): Promise<void> {
    const { control } = this.#settings
    if (!control || !this.#socket) return
    try {
      await listenAt(this.#socket, control.path)
    } catch (error) {
      const fault = cannotControl(
        control.path,
        error instanceof SocketPathError ? error.text : (error as Error).message,
      )
      if (!control.lenient) throw fault
      this.#log.warn(fault.text)
    }
  }

  /** Opens the console if `when` holds of its address. */
  async listenOnWeb(when: (at: string) => boolean = () => true): Promise<void> {
    const { console } = this.#settings
    const web = this.#web
    if (!console || !web || !when(formatAddress(console.listen))) return
    try {
      await listenOn(web, console.listen)
      this.#isServed = true
      this.#log.info('console', { at: this.#url() })
    } catch (error) {
      const at = formatAddress(console.listen)
      const fault = cannotServeConsole(at, console.listen.port, error as NodeJS.ErrnoException)
      if (!console.lenient) throw fault
      this.#log.warn(fault.text)
    }
  }

  /** Where people open the console; undefined while nobody can. */
  #url(): string | undefined {
    const { console } = this.#settings
    if (!console || !this.#isServed) return undefined
    return console.publicUrl ?? `http://${formatAddress(this.#bound(console.listen))}`
  }

  /** With the port that was found where any would do; all addresses are also this machine's own. */
  #bound(listen: Address): Address {
    const bound = this.#web?.address()
    const port = typeof bound === 'object' && bound ? bound.port : listen.port
    const isAny = listen.ip.every(octet => octet === 0)
    const ip = isAny ? Uint8Array.from(listen.family === 4 ? [127, 0, 0, 1] : IPV6_LOOPBACK) : listen.ip
    return { ...listen, ip, port }
  }

  #names(): AllowedHosts {
    const { console } = this.#settings
    if (!console) return { host: '', origins: [] }
    const { listen, publicUrl, origins } = console
    const isAny = listen.ip.every(octet => octet === 0)
    const ip = formatIp(listen.ip)
    return {
      host: isAny ? undefined : listen.family === 6 ? `[${ip}]` : ip,
      origins: publicUrl === undefined ? origins : [publicUrl, ...origins],
    }
  }
}

const IPV6_LOOPBACK = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
