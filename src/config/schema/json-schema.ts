import { z } from 'zod'
import { schema } from './schema.ts'

/** Writes the description of turnserver.json for editors (JSON Schema, draft 7). */
export function jsonSchema(): string {
  const { $schema, ...rest } = z.toJSONSchema(schema, {
    io: 'input',
    target: 'draft-7',
    override: ({ jsonSchema: key }) => {
      if (key.restart === true) key.description = `${key.description} A change needs a restart.`
      // Words of ours, which editors do not know.
      for (const word of ['restart', 'live', 'aliases', 'env']) delete key[word]
    },
  })
  const titled = {
    $schema,
    title: 'turnserver.json',
    description: 'Configuration of the TURN relay taciturn.',
    ...rest,
  }
  // VS Code takes comments and trailing commas for errors in .json files unless the schema allows them.
  return `${JSON.stringify({ ...titled, allowComments: true, allowTrailingCommas: true }, undefined, 2)}\n`
}
