// Writes src/library/configuration.ts: turnserver.schema.json as a TypeScript interface, for the users of the library.
import { compile } from 'json-schema-to-typescript'

/** @param {string} schema The text of turnserver.schema.json. @returns {Promise<string>} */
export async function configurationTypes(schema) {
  const described = { ...JSON.parse(schema), title: 'Configuration' }
  delete described.$schema
  const types = await compile(described, 'Configuration', {
    bannerComment: '// Made by `npm run schema` from the description of the configuration. Do not edit.',
    additionalProperties: false,
    ignoreMinAndMaxItems: true,
    style: { semi: false, singleQuote: true, printWidth: 110, arrowParens: 'avoid', trailingComma: 'all' },
  })
  // A tag that neither editors nor the pages of the API know.
  return types.replaceAll(/\n *\*\n *\* @(?:min|max)Items \d+(?=\n)/g, '')
}
