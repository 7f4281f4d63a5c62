// Secrets wrapped at parse: whatever prints, serialises or inspects one shows [secret]. Only `reveal` gives the text.
import { inspect } from 'node:util'

export interface Secret {
  /** The secret text itself: call it where it is used, never store the result. */
  reveal(): string
}

const HIDDEN = '[secret]'

/** Wraps `text` so that no log, error or JSON can show it by accident. */
export const createSecret = (text: string): Secret => {
  const secret = {
    reveal: () => text,
    toString: () => HIDDEN,
    toJSON: () => HIDDEN,
    [inspect.custom]: () => HIDDEN,
    [Symbol.toPrimitive]: () => HIDDEN,
  }
  return Object.freeze(secret)
}
