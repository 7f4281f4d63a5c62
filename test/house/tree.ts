// The project's own files and what they import, for the house tests. Reads only.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import ts from 'typescript'

export const ROOT = resolve(__dirname, '../..')

const SKIPPED = new Set(['node_modules', 'dist', '.git', '.cache', 'coverage'])

/** Paths relative to the root, with forward slashes, of every file under `folders`. */
export const filesUnder = (...folders: readonly string[]): readonly string[] =>
  folders.flatMap(folder => walk(join(ROOT, folder))).map(path => relative(ROOT, path).split(sep).join('/'))

const walk = (path: string): readonly string[] => {
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path)
    .filter(name => !SKIPPED.has(name))
    .flatMap(name => walk(join(path, name)))
}

export const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

/** Hand-written TypeScript of the product. */
export const productFiles = (): readonly string[] =>
  filesUnder('src', 'strategies').filter(
    path => path.endsWith('.ts') && !path.endsWith('.artifact.ts') && !path.endsWith('-artifact.ts'),
  )

export const parse = (path: string): ts.SourceFile => ts.createSourceFile(path, read(path), ts.ScriptTarget.ES2022, true)

const specifierOf = (node: ts.Node): string | null => {
  if (
    (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) &&
    node.moduleSpecifier &&
    ts.isStringLiteral(node.moduleSpecifier)
  )
    return node.moduleSpecifier.text
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal))
    return node.argument.literal.text
  if (!ts.isCallExpression(node)) return null
  const isImport =
    node.expression.kind === ts.SyntaxKind.ImportKeyword ||
    (ts.isIdentifier(node.expression) && node.expression.text === 'require')
  const first = node.arguments[0]
  return isImport && first !== undefined && ts.isStringLiteral(first) ? first.text : null
}

/** Everything that a file imports, in whatever form (static, dynamic, type, require). */
export const importsOf = (path: string): readonly string[] => {
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    const specifier = specifierOf(node)
    if (specifier !== null) found.push(specifier)
    ts.forEachChild(node, visit)
  }
  visit(parse(path))
  return found
}

/** Our own files that `path` imports, relative to the root, without extension. */
export const ownImportsOf = (path: string): readonly string[] =>
  importsOf(path)
    .filter(specifier => specifier.startsWith('.'))
    .map(specifier =>
      relative(ROOT, resolve(ROOT, dirname(path), specifier))
        .split(sep)
        .join('/'),
    )

/** Packages that `path` imports: `viem`, `node:fs`, `@scope/name`. */
export const packagesOf = (path: string): readonly string[] =>
  importsOf(path)
    .filter(specifier => !specifier.startsWith('.'))
    .map(specifier =>
      specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/'),
    )

/** The code without comments and types. */
export const codeOf = (path: string): string =>
  ts.transpileModule(read(path), {
    compilerOptions: { removeComments: true, target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  }).outputText
