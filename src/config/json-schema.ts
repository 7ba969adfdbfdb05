import { z } from 'zod'
import { schema } from './schema.ts'

/** Writes the description of turnserver.json for editors (JSON Schema, draft 7). */
export function jsonSchema(): string {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input', target: 'draft-7' })
  const titled = {
    $schema,
    title: 'turnserver.json',
    description: 'Configuration of the TURN relay taciturn.',
    ...rest,
  }
  // VS Code takes comments and trailing commas for errors in .json files unless the schema allows them.
  return `${JSON.stringify({ ...titled, allowComments: true, allowTrailingCommas: true }, undefined, 2)}\n`
}
