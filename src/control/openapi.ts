import { z } from 'zod'
import type { ApiEndpoint } from './call.ts'
import { errorShape } from './shapes.ts'

const RIGHTS = {
  nobody: 'Needs no token.',
  read: 'Needs the right to read.',
  act: 'Needs the right to act.',
} as const

/** Describes the API for programs (OpenAPI 3.1), from the endpoints themselves. */
export function openApi(endpoints: readonly ApiEndpoint[]): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const endpoint of endpoints) {
    paths[endpoint.path] ??= {}
    paths[endpoint.path]![endpoint.method.toLowerCase()] = operation(endpoint)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'taciturn',
      version: '1',
      description:
        'What an operator sees of a running relay and does to it. Over HTTP with a token; by the control socket with no token and all rights. GET /api/v1/live is the live feed, a WebSocket: see docs/control.md.',
    },
    servers: [{ url: '/api/v1' }],
    security: [{ token: [] }],
    paths,
    components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
  }
}

function operation({
  path,
  summary,
  query = {},
  body,
  answers,
  csv,
  needs,
}: ApiEndpoint): Record<string, unknown> {
  const parameters = [
    ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
      name,
      in: 'path',
      required: true,
      schema: { type: 'string' },
    })),
    ...Object.entries(query).map(([name, description]) => ({
      name,
      in: 'query',
      description,
      schema: { type: name === 'limit' ? 'integer' : 'string' },
    })),
  ]
  return {
    summary,
    description: RIGHTS[needs],
    ...(needs === 'nobody' && { security: [] }),
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: { content: json(body, 'input') } }),
    responses: {
      200: { description: 'Done.', content: csv ? TABLE : json(answers, 'output') },
      default: {
        description: 'Refused; the answer says why, and how to fix it.',
        content: json(errorShape, 'output'),
      },
    },
  }
}

const TABLE = { 'text/csv': { schema: { type: 'string' } } }

function json(shape: z.ZodType, io: 'input' | 'output'): Record<string, unknown> {
  const { $schema: _, ...schema } = z.toJSONSchema(shape, { io, target: 'draft-2020-12', reused: 'inline' })
  return { 'application/json': { schema } }
}
