/** What a route table needs to know of a route. */
export interface RoutePattern {
  /** GET answers HEAD too. */
  readonly method: 'GET' | 'POST'
  /** As OpenAPI writes it: `/sessions/{id}`. */
  readonly path: string
}

export type RouteMatch<R> =
  | { readonly kind: 'found'; readonly route: R; readonly params: Readonly<Record<string, string>> }
  /** Nothing has this path. */
  | { readonly kind: 'nothing' }
  /** The path is there, for the methods in `allow`; `others` are its routes. */
  | { readonly kind: 'method'; readonly allow: string; readonly others: readonly R[] }

/** Finds the route of a request by method and path. */
export class HttpRoutes<R extends RoutePattern> {
  readonly #routes: readonly { readonly route: R; readonly pattern: RegExp }[]

  constructor(routes: readonly R[]) {
    this.#routes = routes.map(route => ({ route, pattern: patternOf(route.path) }))
  }

  find(method: string, path: string): RouteMatch<R> {
    const matches = this.#routes.flatMap(({ route, pattern }) => {
      const match = pattern.exec(path)
      return match ? [{ route, params: { ...match.groups } }] : []
    })
    if (matches.length === 0) return { kind: 'nothing' }
    const wanted = method === 'HEAD' ? 'GET' : method
    const match = matches.find(({ route }) => route.method === wanted)
    if (match) return { kind: 'found', ...match }
    const others = matches.map(({ route }) => route)
    const allow = others.flatMap(route => (route.method === 'GET' ? ['GET', 'HEAD'] : [route.method]))
    return { kind: 'method', allow: allow.join(', '), others }
  }
}

/** Ids and pseudonyms are words; nothing that could be a path stands in one. */
function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll(/\{(\w+)\}/g, '(?<$1>[A-Za-z0-9_-]{1,64})')}$`)
}
