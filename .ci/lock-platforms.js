// Adds to package-lock.json the optional packages of other platforms that a partial registry left out, so that `npm ci` works everywhere.
// Run it after `npm install` (npm run lock:platforms). Never touches an entry that is there.
const { readFileSync, writeFileSync } = require('node:fs')
const { resolve } = require('node:path')

const CPU = {
  amd64: 'x64',
  x64: 'x64',
  arm64: 'arm64',
  arm: 'arm',
  ia32: 'ia32',
  ppc64: 'ppc64',
  s390x: 's390x',
  riscv64: 'riscv64',
  loong64: 'loong64',
}
const OS = ['linux', 'darwin', 'win32', 'freebsd', 'android', 'openharmony']

/** What a platform package's name says about where it runs: `{os, cpu, libc?}`; null if it says nothing. */
const platformOf = name => {
  const parts = name.split(/[/-]/)
  const os = parts.find(part => OS.includes(part))
  const cpu = parts.map(part => CPU[part]).find(part => part !== undefined)
  if (os === undefined || cpu === undefined) return null
  const tail = parts.at(-1)
  const libc =
    os !== 'linux'
      ? undefined
      : tail.startsWith('musl')
        ? 'musl'
        : tail.startsWith('gnu') || tail.startsWith('glibc')
          ? 'glibc'
          : undefined
  return { cpu: [cpu], libc: libc === undefined ? undefined : [libc], os: [os] }
}

/** Optional dependencies that no entry of the lock file answers: `[{owner, name, version}]`. */
const missingOptionals = packages => {
  const names = new Set(Object.keys(packages).map(path => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)))
  return Object.entries(packages).flatMap(([owner, entry]) =>
    Object.entries(entry.optionalDependencies ?? {})
      .filter(([name]) => !names.has(name))
      .map(([name, version]) => ({ owner, name, version })),
  )
}

module.exports = { missingOptionals, platformOf }

if (require.main === module) {
  const file = resolve(__dirname, '../package-lock.json')
  const lock = JSON.parse(readFileSync(file, 'utf8'))
  for (const { owner, name, version } of missingOptionals(lock.packages)) {
    const platform = platformOf(name)
    if (platform === null) continue
    const dev = lock.packages[owner].dev === true ? true : undefined
    // In npm's own order of keys: else the next `npm install` rewrites the file.
    lock.packages[`node_modules/${name}`] = {
      version,
      cpu: platform.cpu,
      dev,
      libc: platform.libc,
      optional: true,
      os: platform.os,
    }
    console.log(`added ${name} ${version}`)
  }
  const { '': root, ...others } = lock.packages
  lock.packages = { '': root, ...Object.fromEntries(Object.entries(others).sort(([a], [b]) => a.localeCompare(b, 'en'))) }
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
}
