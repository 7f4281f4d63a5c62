// In which blocks somebody else acted before our transactions: predictions are not answerable for those. Looks at the block's order only.
import type { BuiltBlock } from './builder/builder'

/** Whether anything but bundles stands before the last bundle transaction of `block`. */
export const isDisturbed = ({ included }: Pick<BuiltBlock, 'included'>): boolean => {
  const places = included.map(each => each.place)
  return places.slice(0, places.lastIndexOf('bundle')).some(place => place !== 'bundle')
}
