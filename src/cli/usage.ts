import { nearest } from '../config/values/nearest.ts'
import type { CliWords } from './words.ts'

/** What yargs complains of, in a form that can be taken apart; `explainUsage` makes sentences of it. */
const COMPLAINTS = {
  'Unknown argument: %s': 'unknown|%s',
  'Missing required argument: %s': 'missing|%s',
  'Not enough arguments following: %s': 'value|%s',
  'Invalid values:': 'choice|',
  'Argument: %s, Given: %s, Choices: %s': '%s|%s|%s',
  'Not enough non-option arguments: got %s, need at least %s': 'few|%s|%s',
  'Arguments %s and %s are mutually exclusive': 'conflict|%s|%s',
  'Implications failed:': 'needs|',
} as const

/** The same for `updateStrings` of yargs, which wants two forms of what is counted. */
export function complaints(): Record<string, string | { readonly one: string; readonly other: string }> {
  const counted = /^(Unknown|Missing required|Not enough non-option)/
  return Object.fromEntries(
    Object.entries(COMPLAINTS).map(([text, form]) => [
      text,
      counted.test(text) ? { one: form, other: form } : form,
    ]),
  )
}

/** Says what is wrong with a command line. `options` are those that the command has, without dashes. */
export function explainUsage(
  complaint: string,
  argv: readonly string[],
  options: readonly string[],
  words: CliWords,
): string {
  const [kind, ...parts] = complaint.split('|').map(part => part.trim())
  const [first = '', second = ''] = parts
  switch (kind) {
    case 'unknown':
      return distinct(first.split(', '))
        .map(name => unknown(name, argv, options, words))
        .join('; ')
    case 'missing':
      return words.say('usage.missing', { options: first.split(', ').map(dashed).join(', ') })
    case 'value':
      return words.say('usage.value', { option: dashed(first) })
    case 'choice': {
      const [given = '', choices = ''] = [second, parts[2]].map(part => (part ?? '').replaceAll('"', ''))
      return words.say('usage.choice', { option: dashed(first), given, choices })
    }
    case 'few':
      return words.say('usage.tooFew')
    case 'conflict':
      return words.say('usage.conflict', { option: dashed(first), other: dashed(second) })
    case 'needs': {
      const [option = '', other = ''] = first.split(' -> ')
      return words.say('usage.needs', { option: dashed(option), other: dashed(other) })
    }
    default:
      return complaint
  }
}

/** An option that nobody knows, or a word too many: yargs does not say which. */
function unknown(name: string, argv: readonly string[], options: readonly string[], words: CliWords): string {
  const isOption = argv.some(
    word =>
      word === `--${name}` ||
      word.startsWith(`--${name}=`) ||
      word === `--no-${name}` ||
      (name.length === 1 && /^-[^-]/.test(word) && word.includes(name)),
  )
  if (!isOption) return words.say('usage.argument', { given: name })
  const option = dashed(name)
  const guess = nearest(name, options)
  return guess === undefined
    ? words.say('usage.option', { option })
    : words.say('usage.optionGuess', { option, guess: dashed(guess) })
}

/** yargs names an option with dashes a second time, in camel case. */
function distinct(names: readonly string[]): string[] {
  return names.filter(name => !names.some(other => other !== name && camelCase(other) === name))
}

function camelCase(name: string): string {
  return name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
}

/** As it is typed: yargs names options without dashes. */
function dashed(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`
}
