import de from '../texts/catalogues/cli.de.json' with { type: 'json' }
import en from '../texts/catalogues/cli.en.json' with { type: 'json' }
import { chooseLanguage, LANGUAGES, type Language } from '../texts/language.ts'
import { type Words, wordsFrom } from '../texts/words.ts'

export type CliKey = keyof typeof en
export type CliWords = Words<CliKey>

/** The texts of the command line, apart from those of the configuration, the doctor, an import and a benchmark. */
export function cliWords(language: Language, timeZone?: string): CliWords {
  return wordsFrom<CliKey>({ en, de }, language, timeZone)
}

/** The language to speak: what `--lang` says, else what the environment does, else English. */
export function languageOf(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Language {
  const at = argv.findIndex(argument => argument === '--lang' || argument.startsWith('--lang='))
  const asked =
    at < 0 ? undefined : argv[at]!.includes('=') ? argv[at]!.slice('--lang='.length) : argv[at + 1]
  const exact = LANGUAGES.find(language => language === asked)
  return exact ?? chooseLanguage([env.LC_ALL || env.LC_MESSAGES || env.LANG])
}
