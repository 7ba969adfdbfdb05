import type { Language } from '../../config/messages/messages.ts'
import type { FindingValues } from '../finding.ts'
import type { SecretForm } from '../secret-forms.ts'
import type { TextEntry } from './entry.ts'
import { FORMS } from './forms.ts'
import { HANDED_OUT } from './handed-out.ts'
import { HOMESERVER } from './homeserver.ts'
import { MACHINE } from './machine.ts'
import { MODERN } from './modern.ts'
import { NETWORK } from './network.ts'
import { TURN } from './turn.ts'

const ALL = { ...MACHINE, ...NETWORK, ...HOMESERVER, ...HANDED_OUT, ...TURN, ...MODERN } as const

/** A kind of finding. Stable: programs that read `--json` know findings by it. */
export type TextId = keyof typeof ALL

/** Every kind of finding, with its words. */
export const FINDING_TEXTS: Readonly<Record<TextId, TextEntry>> = ALL

/** The words of a finding, filled in. Values may be from strangers, so control characters do not pass. */
export function words(
  id: TextId,
  values: FindingValues,
  language: Language,
): [string, string, string, string] {
  const entry = FINDING_TEXTS[id]
  const all = { ...values, ...formWords(values.form, language) }
  const [title, wrong, notice, mend] = entry[language]
  return [fill(title, all), fill(wrong, all), fill(notice, all), fill(mend, all)]
}

function formWords(form: string | number | undefined, language: Language): FindingValues {
  if (typeof form !== 'string' || !Object.hasOwn(FORMS, form)) return {}
  const [formText, formMend] = FORMS[form as SecretForm][language]
  return { formText, formMend }
}

function fill(text: string, values: FindingValues): string {
  return text
    .replaceAll(/(?<!\{)\{(\w+)\}(?!\})/g, (place, name: string) =>
      values[name] === undefined ? place : printable(String(values[name])),
    )
    .replaceAll('{{', '{')
    .replaceAll('}}', '}')
}

function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '?')
}
