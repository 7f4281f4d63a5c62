// Sizes, names and habits of the house.
import ts from 'typescript'
import { codeOf, filesUnder, parse, productFiles, read } from './tree'

const MAX_FILE_LINES = 400
const MAX_FUNCTION_LINES = 80

const isFunction = (node: ts.Node): boolean =>
  ts.isFunctionDeclaration(node) || ts.isFunctionExpression(node) || ts.isArrowFunction(node) || ts.isMethodDeclaration(node)

interface Measured {
  readonly line: number
  readonly ownLines: number
}

/** Lines of each function without the functions inside it, which count on their own: a `createX` may hold many small ones. */
const functionsOf = (path: string): readonly Measured[] => {
  const source = parse(path)
  const lineAt = (position: number): number => source.getLineAndCharacterOfPosition(position).line
  const found: Measured[] = []
  const visit = (node: ts.Node): number => {
    let inner = 0
    ts.forEachChild(node, child => {
      inner += visit(child)
    })
    if (!isFunction(node)) return inner
    const lines = lineAt(node.end) - lineAt(node.getStart()) + 1
    found.push({ line: lineAt(node.getStart()) + 1, ownLines: lines - inner })
    return lines > 1 ? lines : 0
  }
  visit(source)
  return found
}

const classesOf = (path: string): readonly { readonly name: string; readonly base: string }[] => {
  const found: { readonly name: string; readonly base: string }[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isClassDeclaration(node) || ts.isClassExpression(node))
      found.push({ name: node.name?.text ?? 'a class', base: node.heritageClauses?.[0]?.types[0]?.expression.getText() ?? '' })
    ts.forEachChild(node, visit)
  }
  visit(parse(path))
  return found
}

const BANNED_NAMES = /(^|[-/])(utils?|helpers?|common|misc|manager|service|abstract)([-./]|$)/

describe('style', () => {
  it('behavior: files and functions keep their size', () => {
    const files = [
      ...productFiles(),
      ...filesUnder('contracts').filter(path => path.endsWith('.ts') && !path.includes('artifact')),
    ]
    const long = files.filter(path => read(path).split('\n').length - 1 > MAX_FILE_LINES)
    const wordy = files.flatMap(path =>
      functionsOf(path)
        .filter(each => each.ownLines > MAX_FUNCTION_LINES)
        .map(each => `${path}:${each.line} has ${each.ownLines} lines of its own`),
    )
    expect([...long, ...wordy]).toEqual([])
  })

  it('behavior: every file opens with what it does', () => {
    expect(productFiles().filter(path => !/^(#!.*\n)?(\/\/|\/\*)/.test(read(path)))).toEqual([])
  })

  it('behavior: names say what a thing is', () => {
    const files = filesUnder('src', 'strategies', 'test', 'bench')
    expect(files.filter(path => BANNED_NAMES.test(path) || /[A-Z]/.test(path.replace(/README\.md$/, '')))).toEqual([])
  })

  it('behavior: no default exports, no classes but errors, no reminders', () => {
    const files = productFiles()
    expect(files.filter(path => /\bexport\s+default\b/.test(codeOf(path)))).toEqual([])
    expect(
      files.flatMap(path =>
        classesOf(path)
          .filter(({ base }) => !/(Error|Refusal)$/.test(base))
          .map(({ name }) => `${path}: ${name}`),
      ),
    ).toEqual([])
    const reminder = new RegExp(`\\b(${['TO', 'DO'].join('')}|${['FIX', 'ME'].join('')}|${['X', 'XX'].join('')})\\b`)
    expect([...files, ...filesUnder('contracts', 'docs', 'test')].filter(path => reminder.test(read(path)))).toEqual([])
  })

  it('behavior: no test is focused, skipped or mocked', () => {
    const tests = filesUnder('test').filter(
      path => path.endsWith('.ts') && !path.startsWith('test/house/') && path !== 'test/fixtures/shared.ts',
    )
    expect(
      tests.filter(path =>
        /\b(it|test|describe)\.(only|skip|todo)\b|\bf(it|describe)\(|\bx(it|describe)\(|\bjest\.mock\(/.test(read(path)),
      ),
    ).toEqual([])
  })
})
