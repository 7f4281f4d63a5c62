// One abort signal per target block: requests and retries for a block end when that block has come.

export interface TargetSignals {
  signalFor(target: bigint): AbortSignal
  /** Aborts the signals of targets <= `block`. */
  pass(block: bigint): void
  passAll(): void
}

export const createTargetSignals = (): TargetSignals => {
  const controllers = new Map<bigint, AbortController>()
  const pass = (block: bigint | null): void => {
    for (const [target, controller] of controllers) {
      if (block !== null && target > block) continue
      controller.abort()
      controllers.delete(target)
    }
  }
  return {
    signalFor: target => {
      const controller = controllers.get(target) ?? new AbortController()
      controllers.set(target, controller)
      return controller.signal
    },
    pass,
    passAll: () => pass(null),
  }
}
