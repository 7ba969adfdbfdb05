type Child = Node | string | undefined | false
type Properties = Readonly<Record<string, unknown>>

const SVG = 'http://www.w3.org/2000/svg'

/** Makes an element. `on…` properties with a function are listeners, everything else is an attribute. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  return fill(document.createElement(tag), properties, children)
}

/** The same for SVG. */
export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[K] {
  return fill(document.createElementNS(SVG, tag) as SVGElementTagNameMap[K], properties, children)
}

function fill<E extends Element>(element: E, properties: Properties, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value as EventListener)
    else setAttribute(element, name, value as string | number | boolean | undefined)
  }
  for (const child of children) if (child !== undefined && child !== false) element.append(child)
  return element
}

/** Touches the page only when the text is another one. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}

/** `true` is an empty attribute; `false` and `undefined` take it away. */
export function setAttribute(
  element: Element,
  name: string,
  value: string | number | boolean | undefined,
): void {
  if (value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name)
    return
  }
  const text = value === true ? '' : String(value)
  if (element.getAttribute(name) !== text) element.setAttribute(name, text)
}

/** Makes the children of `parent` these, in this order, and moves only what stands elsewhere. */
export function setChildren(parent: Element, children: readonly Element[]): void {
  const wanted = new Set<Element>(children)
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove()
  for (const [i, child] of children.entries()) {
    const there = parent.children[i]
    if (there !== child) parent.insertBefore(child, there ?? null)
  }
}

/** Width of a bar in per cent; the content security policy lets scripts do this, not attributes. */
export function setWidth(element: HTMLElement, share: number): void {
  const width = `${Math.round(Math.min(1, Math.max(0, share)) * 1000) / 10}%`
  if (element.style.width !== width) element.style.width = width
}

/** A name for an element that others refer to. */
export function newId(prefix: string): string {
  ids += 1
  return `${prefix}-${ids}`
}
let ids = 0
