/** Minimum length of a shared secret in characters: with one credential, secrets can be guessed offline. */
export const SECRET_LENGTH = 16

/** Secrets that manuals, samples and this project's own example print. */
const KNOWN = new Set([
  'example-shared-secret',
  'n0t4ctuallymatr1xd0torgsshar3d5ecret4obviousreasons',
  'thesharedsecretforturn',
  'turnsharedsecretgoeshere',
  'mysupersecretsharedsecret',
  'logen-very-long-secret',
  'examplesharedsecret',
])

const WORDS = new Set([
  'north',
  'south',
  'secret',
  'changeme',
  'password',
  'logen',
  'coturn',
  'turn',
  'example',
  'test',
])

/** Why anybody could guess the secret, or undefined when nothing speaks against it. */
export function weakness(secret: string): 'short' | 'example' | 'repetitive' | undefined {
  const lower = secret.toLowerCase()
  if (isExampleWord(lower) || KNOWN.has(lower) || isTemplate(secret)) return 'example'
  if (secret.length < SECRET_LENGTH) return 'short'
  return new Set(secret).size < 6 ? 'repetitive' : undefined
}

/** True for the words that every guesser tries first. */
export function isExampleWord(text: string): boolean {
  return WORDS.has(text.toLowerCase())
}

/**
 * True for what a template or a script was to fill in: `{{ secret }}`, `${SECRET}`, `$(command)`, `<secret>`,
 * `<%= secret %>`, `%SECRET%`, `@SECRET@`, `__SECRET__`, `#{secret}`, `[your secret]`.
 */
export function isTemplate(text: string): boolean {
  return TEMPLATE.test(text) || isPlaceholder(text.toLowerCase())
}

const TEMPLATE =
  /\{\{.*\}\}|\{%.*%\}|<%.*%>|[$#]\{[^}]*\}|\$\(.*\)|`.+`|^\$[A-Za-z_]\w*$|^<[^<>]+>$|^%[A-Za-z_]\w*%$|^@@?[A-Za-z_]\w*@@?$|^__[A-Za-z]\w*__$|^\[[A-Za-z][\w -]*\]$|^\{[A-Za-z][\w .-]*\}$|^x{4,}$/i

/** `replace-with-…`, `YOUR_SHARED_SECRET`, `<secret>`, `[your secret key here]`, `CHANGE-ME`. */
function isPlaceholder(lower: string): boolean {
  return /^[<[{]?(replace|change|insert|your|put|enter|add|fill|set)[-_ ]?(me|this|with|your|shared|secret|turn|here|it|in|own|public|external|server|domain|realm|ip|password|key)\b/.test(
    lower.replaceAll('_', ' '),
  )
}
