export function configurationTypes(schema: string): Promise<string>
