// Each failure mode of keepers that the house guards against has a test that is named for it.
import { filesUnder, read } from './tree'

const GUARDED = ['K1', 'K2', 'K3', 'K4', 'K5', 'K6', 'K7', 'K8', 'K9', 'K10', 'K14', 'K21']

/** Titles of tests and of tables of tests, as they stand in the source. */
const titles = (): readonly string[] =>
  filesUnder('test')
    .filter(path => path.endsWith('.test.ts') && !path.startsWith('test/house/'))
    .flatMap(path =>
      [...read(path).matchAll(/\b(?:it|test)(?:\.each\([\s\S]*?\))?\(\s*(['"`])(.*?)\1/g)].map(match => match[2] ?? ''),
    )

describe('failure modes', () => {
  const all = titles()

  it.each(GUARDED)('behavior: %s has a test of its own', name => {
    expect(all.filter(title => title.startsWith(`${name}: `))).not.toEqual([])
  })
})
