// Takes secrets out of text on its way out, whatever field or message they came in.
const HIDDEN = '[secret]'
const MIN_SECRET_LENGTH = 6

export interface Scrubber {
  /** From now on this text is hidden, a leading 0x aside, in either case of hex. Shorter than six characters: ignored. */
  add(secret: { reveal(): string }): void
  scrub(text: string): string
}

/** A scrubber that knows `secrets` and whatever is added later. */
export const createScrubber = (secrets: readonly { reveal(): string }[] = []): Scrubber => {
  const patterns = new Map<string, RegExp>()
  const add = (secret: { reveal(): string }): void => {
    const text = secret.reveal().replace(/^0x/, '')
    if (text.length < MIN_SECRET_LENGTH) return
    patterns.set(text, new RegExp(`(0x)?${text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')}`, 'gi'))
  }
  for (const secret of secrets) add(secret)
  return { add, scrub: text => [...patterns.values()].reduce((scrubbed, pattern) => scrubbed.replace(pattern, HIDDEN), text) }
}
