// Raw configuration -> Config, or one error that names every problem. No files, no environment: see load.ts.
import type { z } from 'zod'
import type { Config, Registry } from './config'
import { normaliseHex } from './hex'
import { keysAt, outline, schemaAt } from './outline'
import { badConfig, nearest, type Problem, pathText } from './problem'
import { configSchema } from './schema'

const valueAt = (raw: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined),
    raw,
  )

const looksSecret = (key: string): boolean => /private|secret|mnemonic|seed|key/i.test(key)

/** The value is never shown: it may be a secret in the wrong place. */
const unknownKey = (key: string, path: readonly PropertyKey[], known: readonly string[]): Problem => {
  const meant = nearest(key, known)
  const hint = meant === null ? '' : `did you mean "${meant}"? `
  const secret = meant === null && looksSecret(key) ? 'Secrets belong in the environment (see .env.example). ' : ''
  return { path: [...path, key], message: `unknown key (${hint}${secret}Known here: ${known.join(', ')})` }
}

/** zod says "Invalid key in record" and hides why one level down. */
const messageOf = (issue: z.core.$ZodIssue): string =>
  issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message

const sentence = (text: string): string => text.slice(0, 1).toLowerCase() + text.slice(1)

const problemsOf = (issue: z.core.$ZodIssue, raw: unknown, root: ReturnType<typeof outline>): readonly Problem[] => {
  const value = valueAt(raw, issue.path)
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(root, issue.path)
    return issue.keys.map(key => unknownKey(key, issue.path, known))
  }
  if (value === undefined) {
    const about = schemaAt(root, issue.path)?.description
    return [{ path: issue.path, message: `is missing${about === undefined ? '' : `: ${sentence(about)}`}` }]
  }
  return [{ path: issue.path, value, message: sentence(messageOf(issue)) }]
}

/** An object with an unknown key is not also told what its known keys lack as a whole. */
const withoutEchoes = (issues: readonly z.core.$ZodIssue[]): readonly z.core.$ZodIssue[] => {
  const strange = new Set(issues.filter(issue => issue.code === 'unrecognized_keys').map(issue => pathText(issue.path)))
  return issues.filter(issue => issue.code !== 'custom' || !strange.has(pathText(issue.path)))
}

/** Checks `raw` as read from `source` (a file's name, for messages). Throws KeeperError bad-config with every problem found. */
export const parseConfig = (raw: unknown, source: string, registry: Registry): Config => {
  const problems: Problem[] = []
  const schema = configSchema(registry)
  const normal = normaliseHex(raw, [], problems)
  const parsed = schema.safeParse(normal)
  if (!parsed.success) {
    const root = outline(schema)
    problems.push(...withoutEchoes(parsed.error.issues).flatMap(issue => problemsOf(issue, normal, root)))
  }
  if (!parsed.success || problems.length > 0) throw badConfig(source, problems)
  return parsed.data
}
