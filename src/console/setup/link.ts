import type { SetupAnswers, SetupFacts, SetupState, SetupWritten } from '../../control/setup/setup-shapes.ts'
import type { ApiError } from '../../control/view.ts'
import type { SetupWords } from './words.ts'

/** The page may be used, or why not. */
export type Begun =
  | { readonly ok: true; readonly facts: SetupFacts }
  | { readonly ok: false; readonly why: 'used' | 'unreachable' }

const KEPT = 'taciturn-setup'

/** The program behind the page. The link opens it once; what it gets in return stays in this tab. */
export class SetupLink {
  #session = ''

  async begin(): Promise<Begun> {
    const token = location.hash.slice(1)
    history.replaceState(null, '', location.pathname + location.search)
    try {
      if (token === '') return this.#again()
      const response = await this.#ask('setup/begin', token, {})
      if (!response.ok) return this.#again()
      const { session, facts } = (await response.json()) as { session: string; facts: SetupFacts }
      this.#session = session
      try {
        sessionStorage.setItem(KEPT, JSON.stringify({ session, facts }))
      } catch {}
      return { ok: true, facts }
    } catch {
      return { ok: false, why: 'unreachable' }
    }
  }

  async write(answers: SetupAnswers, { say }: SetupWords): Promise<SetupWritten> {
    try {
      const response = await this.#ask('setup/write', this.#session, answers)
      if (response.ok) return (await response.json()) as SetupWritten
      const { error, hint } = (await response.json()) as ApiError
      return { ok: false, problems: [{ field: '', text: `${error} – ${hint}` }] }
    } catch {
      // A browser words its own failure as it likes, in its own language.
      return { ok: false, problems: [{ field: '', text: say('unreachable') }] }
    }
  }

  /** How far it is; undefined where the program does not answer any more. */
  async state(): Promise<SetupState | undefined> {
    try {
      const response = await this.#ask('setup/state', this.#session)
      return response.ok ? ((await response.json()) as SetupState) : undefined
    } catch {
      return undefined
    }
  }

  /** The page was loaded again in the same tab. */
  async #again(): Promise<Begun> {
    let kept: { readonly session: string; readonly facts: SetupFacts } | undefined
    try {
      kept = JSON.parse(sessionStorage.getItem(KEPT) ?? 'null') ?? undefined
    } catch {}
    if (!kept) return { ok: false, why: 'used' }
    this.#session = kept.session
    const state = await this.state()
    return state?.state === 'asking' ? { ok: true, facts: kept.facts } : { ok: false, why: 'used' }
  }

  #ask(path: string, token: string, body?: unknown): Promise<Response> {
    return fetch(new URL(path, document.baseURI), {
      method: body === undefined ? 'GET' : 'POST',
      cache: 'no-store',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        // The language of the page, which need not be the browser's.
        'accept-language': document.documentElement.lang || 'en',
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  }
}
