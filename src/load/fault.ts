/** Why a bench cannot go on. The caller puts it into the operator's language. */
export type LoadFault =
  /** The server answered a request with an error. */
  | { readonly kind: 'refused'; readonly request: string; readonly code: number; readonly opened: number }
  /** No answer, or none that counts. */
  | { readonly kind: 'silent'; readonly request: string; readonly why: string; readonly opened: number }
  | { readonly kind: 'connection'; readonly why: string }
  | { readonly kind: 'sockets'; readonly code: string; readonly opened: number }
  | { readonly kind: 'name'; readonly host: string; readonly why: string }
  | { readonly kind: 'missing'; readonly program: string }
  | { readonly kind: 'start'; readonly server: string; readonly output: string }
  | { readonly kind: 'server-ended'; readonly server: string; readonly output: string }
  | { readonly kind: 'generator'; readonly why: string }
  | { readonly kind: 'nothing-relayed' }
  | { readonly kind: 'interrupted' }

/** Carries a `Fault` to the code that can explain it. */
export class LoadError extends Error {
  override readonly name = 'LoadError'
  readonly fault: LoadFault

  constructor(fault: LoadFault) {
    super(JSON.stringify(fault))
    this.fault = fault
  }
}
