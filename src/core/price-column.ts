// Prices in float, each at a place of its own, for screens that go through thousands of markets. Decides nothing.

export interface PriceColumn<Source> {
  /** The source's place, from now on. */
  placeOf(source: Source): number
  /** By place; NaN where there is no price. Read only, valid until the next `placeOf`. */
  floats(): Float64Array
  /** The source's price changed. */
  refresh(source: Source): void
}

/** `priceOf`: the price as it is now, NaN where there is none. */
export const createPriceColumn = <Source>(priceOf: (source: Source) => number): PriceColumn<Source> => {
  const places = new Map<Source, number>()
  let floats = new Float64Array(16)
  return {
    floats: () => floats,
    placeOf: source => {
      const known = places.get(source)
      if (known !== undefined) return known
      const place = places.size
      places.set(source, place)
      if (place === floats.length) {
        const larger = new Float64Array(2 * place)
        larger.set(floats)
        floats = larger
      }
      floats[place] = priceOf(source)
      return place
    },
    refresh: source => {
      const place = places.get(source)
      if (place !== undefined) floats[place] = priceOf(source)
    },
  }
}
