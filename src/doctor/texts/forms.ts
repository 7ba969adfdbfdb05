import type { SecretForm } from '../secret-forms.ts'

/** What happened to a secret, and what to do about it. */
export const FORMS: Readonly<
  Record<SecretForm, { readonly en: readonly [string, string]; readonly de: readonly [string, string] }>
> = {
  newline: {
    en: ['a newline at the end is part of it', 'printf %s "$(cat FILE)" > FILE'],
    de: ['ein Zeilenende am Schluss gehört dazu', 'printf %s "$(cat DATEI)" > DATEI'],
  },
  space: {
    en: ['white space around it is part of it', 'printf %s "$(cat FILE)" > FILE, without the blanks'],
    de: [
      'Leerraum davor oder dahinter gehört dazu',
      'printf %s "$(cat DATEI)" > DATEI, ohne die Leerzeichen',
    ],
  },
  quotes: {
    en: [
      'quotes around it are part of it, or are missing',
      'write the secret with exactly one pair of quotes',
    ],
    de: [
      'Anführungszeichen gehören dazu, oder fehlen',
      'das Geheimnis in genau ein Paar Anführungszeichen setzen',
    ],
  },
  'hex-decoded': {
    en: ['it was decoded from hexadecimal', 'use the hexadecimal text itself as the secret'],
    de: ['es wurde aus hexadezimaler Form dekodiert', 'den hexadezimalen Text selbst als Geheimnis benutzen'],
  },
  'base64-decoded': {
    en: ['it was decoded from base64', 'use the base64 text itself as the secret'],
    de: ['es wurde aus base64 dekodiert', 'den base64-Text selbst als Geheimnis benutzen'],
  },
  'hex-encoded': {
    en: ['it was encoded in hexadecimal', 'use the plain text of the secret'],
    de: ['es wurde hexadezimal kodiert', 'den Klartext des Geheimnisses benutzen'],
  },
  'base64-encoded': {
    en: ['it was encoded in base64', 'use the plain text of the secret'],
    de: ['es wurde in base64 kodiert', 'den Klartext des Geheimnisses benutzen'],
  },
  comment: {
    en: ['it was cut off at a blank, # or $', 'put the secret in single quotes'],
    de: [
      'es wurde an Leerzeichen, # oder $ abgeschnitten',
      'das Geheimnis in einfache Anführungszeichen setzen',
    ],
  },
  case: {
    en: ['upper and lower case were changed', 'copy the secret exactly as it is'],
    de: ['Groß- und Kleinschreibung wurden geändert', 'das Geheimnis genau so übernehmen, wie es ist'],
  },
  sha256: {
    en: [
      'the hash is another one: SHA-1 against SHA-256',
      '"secrets": ["…"] means SHA-1, as Matrix homeservers use it',
    ],
    de: [
      'die Hashfunktion ist eine andere: SHA-1 gegen SHA-256',
      '"secrets": ["…"] heißt SHA-1, wie es Matrix-Homeserver benutzen',
    ],
  },
  path: {
    en: [
      'the path of the file is used in place of what is in it',
      'use the setting for a secret file, or paste the secret',
    ],
    de: [
      'der Pfad der Datei wird anstelle ihres Inhalts benutzt',
      'die Einstellung für eine Geheimnisdatei benutzen, oder das Geheimnis einfügen',
    ],
  },
}
