// What Debian wants to know of a package: control, copyright, changelog.

/** @typedef {import('./modules.mjs').Module} Module */

export const MAINTAINER = 'taciturn maintainers <maintainers@taciturn.invalid>'

/**
 * @param {string} version
 * @param {number} kilobytes
 */
export function control(version, kilobytes) {
  return `Package: taciturn
Version: ${version}
Architecture: all
Multi-Arch: foreign
Maintainer: ${MAINTAINER}
Installed-Size: ${kilobytes}
Depends: nodejs (>= 20.19)
Suggests: certbot, matrix-synapse, prometheus
Section: net
Priority: optional
Description: STUN and TURN relay for Matrix homeservers
 It carries the calls of clients behind NAT over UDP, TCP and TLS, takes the
 time-limited credentials that Synapse, Dendrite, LiveKit, Prosody and others
 hand out, and says little about its users.
 .
 Clients reach the public internet and each other, never private networks or
 the relay's own ports. Secrets, limits and certificates are reloaded while
 calls run. The log holds pseudonyms in place of addresses and names.
`
}

/** @param {readonly Module[]} modules */
export function copyright(modules) {
  const seen = new Map()
  for (const { name, version, licence, text } of modules) {
    const key = text.trim() || licence
    seen.set(key, { licence, names: [...(seen.get(key)?.names ?? []), `${name} ${version}`] })
  }
  const vendored = [...seen].map(
    ([text, { licence, names }]) => `${names.join(', ')}: ${licence}\n\n${isApache(text) ? APACHE : text}`,
  )
  return `taciturn is

Copyright: its contributors
Licence: Apache-2.0

${APACHE}

In /usr/lib/taciturn/node_modules are these, each under a licence of its own.

${vendored.map(text => `${'-'.repeat(70)}\n\n${text.trim()}\n`).join('\n')}`
}

const APACHE = 'On Debian, the Apache licence is in /usr/share/common-licenses/Apache-2.0.'

/** @param {string} text */
function isApache(text) {
  return /Apache License\s+Version 2\.0/.test(text) && text.length > 5000
}

/**
 * The topmost section of CHANGELOG.md, as Debian writes changes.
 * @param {string} markdown
 * @param {string} version
 * @param {number} epoch seconds since 1970
 */
export function changelog(markdown, version, epoch) {
  const section = markdown.split(/^## .*$/m)[1] ?? ''
  const points = section
    .trim()
    .split(/\n(?=- )|\n\n/)
    .map(point => point.replace(/^- /, '').replaceAll(/\s+/g, ' ').trim())
    .filter(point => point !== '')
  const lines = points.map(point =>
    wrap(point, 72)
      .map((line, i) => `${i === 0 ? '  * ' : '    '}${line}`)
      .join('\n'),
  )
  const date = new Date(epoch * 1000).toUTCString().replace('GMT', '+0000')
  return `taciturn (${version}) unstable; urgency=medium\n\n${lines.join('\n')}\n\n -- ${MAINTAINER}  ${date}\n`
}

/**
 * @param {string} text
 * @param {number} width
 */
function wrap(text, width) {
  const lines = ['']
  for (const word of text.split(' ')) {
    const last = lines[lines.length - 1] ?? ''
    if (last !== '' && last.length + word.length + 1 > width) lines.push(word)
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`
  }
  return lines
}
