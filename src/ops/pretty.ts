// A JSON log line as people read it: time, level, event, key=value. Formats only.
import pc from 'picocolors'

type Paint = (text: string) => string

const paints = (
  hasColour: boolean,
): { readonly level: Readonly<Record<string, Paint>>; readonly dim: Paint; readonly bold: Paint } => {
  const c = pc.createColors(hasColour)
  return { level: { debug: c.gray, info: c.green, warn: c.yellow, error: c.red }, dim: c.dim, bold: c.bold }
}

const shown = (value: unknown): string => {
  if (typeof value === 'string') return /[\s"=]/.test(value) ? JSON.stringify(value) : value
  return JSON.stringify(value) ?? String(value)
}

/** `12:34:56.789 WARN  behind block=12 reason="no such block"`. A line that is no JSON comes back as it is. */
export const prettyLine = (line: string, hasColour: boolean): string => {
  const parsed = safeParse(line)
  if (parsed === null) return line
  const { time, level, event, ...fields } = parsed
  const paint = paints(hasColour)
  const name = String(level)
  const rest = Object.entries(fields).map(([key, value]) => `${paint.dim(`${key}=`)}${shown(value)}`)
  const label = (paint.level[name] ?? paint.bold)(name.toUpperCase().padEnd(5))
  return `${[paint.dim(String(time).slice(11, 23)), label, paint.bold(String(event)), ...rest].join(' ')}\n`
}

const safeParse = (line: string): Readonly<Record<string, unknown>> | null => {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : null
  } catch {
    return null
  }
}
