// Writes turnserver.schema.json, which editors complete and check turnserver.json with, turnserver.example.json, and
// the type of a configuration for the users of the library. Run after a build.
import { writeFileSync } from 'node:fs'
import { exampleFile } from '../dist/config/schema/example.js'
import { jsonSchema } from '../dist/config/schema/json-schema.js'
import { configurationTypes } from './configuration-types.mjs'

const root = new URL('../', import.meta.url)
const write = (name, text) => writeFileSync(new URL(name, root), text)
write('turnserver.schema.json', jsonSchema())
write('turnserver.example.json', exampleFile())
write('src/library/configuration.ts', await configurationTypes(jsonSchema()))
