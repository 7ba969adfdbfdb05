import { h, setText } from './dom.ts'

/**
 * A button that copies a text, and says so. Without TLS there is no clipboard;
 * then what `select` selects is copied.
 */
export function copyButton(label: string, done: string, text: () => string, select: () => void): HTMLElement {
  const copied = h('span', { role: 'status', class: 'quiet' })
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text())
    } catch {
      select()
      document.execCommand('copy')
    }
    setText(copied, done)
  }
  return h('p', {}, h('button', { type: 'button', onclick: () => void copy() }, label), ' ', copied)
}
