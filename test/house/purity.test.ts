// Pure rooms have no clock, no randomness, no input or output, no environment; and the environment has one reader.
import { codeOf, packagesOf, productFiles } from './tree'

const PURE = ['src/core/', 'src/profitability/', 'src/risk/', 'src/venues/', 'strategies/']
const isPure = (path: string): boolean => PURE.some(room => path.startsWith(room)) && !path.startsWith('src/venues/remote/')

const BANNED: readonly (readonly [string, RegExp])[] = [
  ['a clock', /\b(Date|performance)\b\s*[.(]/],
  ['randomness', /\bMath\s*\.\s*random\b|\bcrypto\b\s*\./],
  ['the environment', /\bprocess\b\s*\./],
  ['the console', /\bconsole\b\s*\./],
  ['a timer', /\bset(Timeout|Interval|Immediate)\b/],
  ['the network', /\bfetch\s*\(|\bWebSocket\b/],
  ['a viem client', /\bcreate(Public|Wallet|Test)?Client\b|\b(webSocket|http|custom|fallback)\s*\(\s*['"`]/],
  ['require', /\brequire\s*\(/],
]

const ALLOWED_PACKAGES = ['viem', 'zod']

describe('purity', () => {
  const pure = productFiles().filter(isPure)

  it('default: there are pure rooms to check', () => {
    expect(pure.length).toBeGreaterThan(10)
  })

  it('behavior: pure rooms reach for nothing outside', () => {
    const wrong = pure.flatMap(path => {
      const code = codeOf(path)
      const banned = BANNED.filter(([, pattern]) => pattern.test(code)).map(([what]) => `${path}: ${what}`)
      const foreign = packagesOf(path).filter(name => !ALLOWED_PACKAGES.includes(name))
      return [...banned, ...foreign.map(name => `${path}: package ${name}`)]
    })
    expect(wrong).toEqual([])
  })

  it('behavior: only config reads the environment', () => {
    const readers = productFiles().filter(path =>
      /\bprocess\s*\.\s*env\b|\bprocess\s*\[\s*['"]env|\{[^}]*\benv\b[^}]*\}\s*=\s*process\b/.test(codeOf(path)),
    )
    expect(readers.filter(path => !path.startsWith('src/config/'))).toEqual([])
    expect(readers).not.toEqual([])
  })
})
