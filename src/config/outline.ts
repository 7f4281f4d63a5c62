// The schema's shape as a plain tree (JSON Schema): for docs/configuration.md and for hints about unknown keys.
import { z } from 'zod'

/** The part of JSON Schema that we read. `typeText` is our own annotation (values.ts). */
export interface Outline {
  readonly type?: string | readonly string[]
  readonly typeText?: string
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly properties?: Readonly<Record<string, Outline>>
  readonly required?: readonly string[]
  readonly items?: Outline
  readonly additionalProperties?: Outline | boolean
  readonly anyOf?: readonly Outline[]
  readonly allOf?: readonly Outline[]
}

/** What `schema` accepts, as a tree. */
export const outline = (schema: z.ZodType): Outline =>
  z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', reused: 'inline' }) as Outline

const childAt = (node: Outline, key: PropertyKey): Outline | undefined => {
  const alternatives = [node, ...(node.anyOf ?? []), ...(node.allOf ?? [])]
  for (const each of alternatives) {
    const child = typeof key === 'number' ? each.items : each.properties?.[String(key)]
    if (child !== undefined) return child
    if (typeof each.additionalProperties === 'object') return each.additionalProperties
  }
  return undefined
}

/** The node at `path`; undefined where the schema knows no such place. */
export const schemaAt = (root: Outline, path: readonly PropertyKey[]): Outline | undefined =>
  path.reduce<Outline | undefined>((node, key) => (node === undefined ? undefined : childAt(node, key)), root)

/** Names of the keys that may stand at `path`. */
export const keysAt = (root: Outline, path: readonly PropertyKey[]): readonly string[] => {
  const node = schemaAt(root, path)
  if (node === undefined) return []
  return [node, ...(node.anyOf ?? []), ...(node.allOf ?? [])].flatMap(each => Object.keys(each.properties ?? {}))
}
