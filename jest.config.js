// Two projects: `unit` is offline and quick; `world` starts real chains (anvil from npm). `npm test` runs both.
const common = {
  rootDir: __dirname,
  testEnvironment: '<rootDir>/test/setup-environment.ts',
  transform: {
    '^.+\\.ts$': ['@swc/jest', { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } }],
  },
  testPathIgnorePatterns: ['/node_modules/', '/dist/'],
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
}

module.exports = {
  maxWorkers: 2,
  // Real chains on a busy machine: a slow test is no failed test.
  testTimeout: 60_000,
  reporters: ['default', 'summary', '<rootDir>/test/reporter.js'],
  projects: [
    {
      ...common,
      displayName: 'unit',
      testMatch: ['<rootDir>/test/**/*.test.ts'],
      testPathIgnorePatterns: [...common.testPathIgnorePatterns, '\\.world\\.test\\.ts$'],
    },
    { ...common, displayName: 'world', testMatch: ['<rootDir>/test/**/*.world.test.ts'] },
  ],
}
