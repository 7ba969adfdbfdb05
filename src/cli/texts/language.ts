import type { Language } from '../../config/messages/messages.ts'

/** The language to speak: what `--lang` says, else what the environment does, else English. */
export function languageOf(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Language {
  const at = argv.findIndex(argument => argument === '--lang' || argument.startsWith('--lang='))
  const asked =
    at < 0 ? undefined : argv[at]!.includes('=') ? argv[at]!.slice('--lang='.length) : argv[at + 1]
  if (asked === 'en' || asked === 'de') return asked
  const locale = env.LC_ALL || env.LC_MESSAGES || env.LANG || ''
  return /^de(?![a-z])/i.test(locale) ? 'de' : 'en'
}
