/** Choices that a browser keeps. Where it keeps nothing, they last as long as the page. */
export function read(key: 'theme' | 'language'): string | null {
  try {
    return localStorage.getItem(`taciturn-${key}`)
  } catch {
    return null
  }
}

export function remember(key: 'theme' | 'language', value: string): void {
  try {
    localStorage.setItem(`taciturn-${key}`, value)
  } catch {}
}

const TOKEN = 'taciturn-token'

/** The token stays in this tab and goes with it. */
export function readToken(): string {
  try {
    return sessionStorage.getItem(TOKEN) ?? ''
  } catch {
    return ''
  }
}

export function writeToken(token: string): void {
  try {
    if (token === '') sessionStorage.removeItem(TOKEN)
    else sessionStorage.setItem(TOKEN, token)
  } catch {}
}
