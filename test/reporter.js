// Jest reporter: at the end, the tests that did not run and why, then one line `N passed, N failed` that other programs can read.
class SummaryReporter {
  onRunComplete(_contexts, results) {
    const skipped = results.testResults.flatMap(file =>
      file.testResults.filter(test => test.status === 'pending' || test.status === 'todo').map(test => test.fullName),
    )
    if (skipped.length > 0) {
      console.log(`\nNot run, for want of the shared data folder or by their own choice (${skipped.length}):`)
      for (const name of skipped) console.log(`  - ${name}`)
    }
    const brokenFiles = results.testResults.filter(file => file.testExecError !== undefined && file.numFailingTests === 0).length
    // Jest adds its own summary after all reporters: this line is to be the last.
    process.once('exit', () => console.log(`\n${results.numPassedTests} passed, ${results.numFailedTests + brokenFiles} failed`))
  }
}

module.exports = SummaryReporter
