// The tables of docs/configuration.md, made from the schema and from the list of variables. Text only; writes no file.
import { VARIABLES } from './environment'
import type { Outline } from './outline'

interface Row {
  readonly key: string
  readonly type: string
  readonly fallback: string
  readonly description: string
}

const alternativesOf = (node: Outline): readonly Outline[] => node.anyOf ?? []

const typeOf = (node: Outline): string => {
  if (node.typeText !== undefined) return node.typeText
  if (node.enum !== undefined) return node.enum.map(String).join(', ')
  if (node.const !== undefined) return String(node.const)
  if (node.items !== undefined) return `list of ${typeOf(node.items)}`
  if (typeof node.additionalProperties === 'object') return `table of ${typeOf(node.additionalProperties)}`
  if (alternativesOf(node).length > 0) return [...new Set(alternativesOf(node).map(typeOf))].join(' or ')
  if (node.type === 'object') return 'section'
  if (node.type === 'string') return 'text'
  return node.type === 'integer' || node.type === 'number' ? 'number' : String(node.type ?? 'value')
}

const isEmptySection = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0

const fallbackOf = (node: Outline, isRequired: boolean): string => {
  if (node.default !== undefined && !isEmptySection(node.default))
    return `\`${JSON.stringify(node.default).replace(/^"(.*)"$/, '$1')}\``
  return isRequired ? '**needed**' : ''
}

const rowsOf = (node: Outline, path: string): readonly Row[] => {
  const required = node.required ?? []
  return Object.entries(node.properties ?? {}).flatMap(([name, child]) => {
    const key = path === '' ? name : `${path}.${name}`
    const own = {
      key,
      type: typeOf(child),
      fallback: fallbackOf(child, required.includes(name)),
      description: child.description ?? '',
    }
    const inner = child.items?.properties === undefined ? rowsOf(child, key) : rowsOf(child.items, `${key}[]`)
    return [own, ...inner]
  })
}

const cell = (text: string): string => text.replace(/\|/g, '\\|').replace(/\n/g, ' ')

/** Markdown table of every key of the configuration file. */
export const keyTable = (root: Outline): string => {
  const rows = rowsOf(root, '').map(
    ({ key, type, fallback, description }) => `| \`${key}\` | ${cell(type)} | ${cell(fallback)} | ${cell(description)} |`,
  )
  return ['| key | type | default | what it does |', '|---|---|---|---|', ...rows].join('\n')
}

/** Keys without a description, for the test that wants none. */
export const undescribedKeys = (root: Outline): readonly string[] =>
  rowsOf(root, '').flatMap(row => (row.description === '' ? [row.key] : []))

/** Markdown table of every environment variable. */
export const variableTable = (): string => {
  const rows = VARIABLES.map(
    ({ name, description, isSecret }) => `| \`${name}\` | ${isSecret ? 'yes' : 'no'} | ${cell(description)} |`,
  )
  return ['| variable | secret | what it does |', '|---|---|---|', ...rows].join('\n')
}

const between = (name: string): RegExp => new RegExp(`(<!-- ${name}: .*? -->\\n)[\\s\\S]*?(<!-- end of ${name} -->)`)

/** `page` with its two tables as they should be. The words around them are left alone. */
export const withTables = (page: string, root: Outline): string =>
  page
    .replace(between('keys'), (_, open: string, close: string) => `${open}${keyTable(root)}\n${close}`)
    .replace(between('variables'), (_, open: string, close: string) => `${open}${variableTable()}\n${close}`)
