/** A key of the configuration, as a JSON schema describes it. */
export interface Schema {
  readonly description?: string
}

/** All keys below a schema that are described, by their paths, as `relay.ports` and `homeservers[].name`. */
export function keys(schema: Schema, path: string): { readonly path: string; readonly schema: Schema }[]
