// Several connections to one node as one: a request takes a free one. Two requests on the same socket wait for each other where
// the node's end has Nagle's algorithm on (anvil's has): its second answer is held back until the first is acknowledged, 40 ms.
import type { Wire } from './wire'

interface Lane {
  readonly wire: Wire
  busy: number
}

/** At most `size` connections, opened as they are needed; beyond that requests share the least busy one. */
export const createWirePool = (createWire: () => Wire, size: number): Wire => {
  const lanes: Lane[] = []
  const freest = (): Lane => {
    const least = lanes.reduce<Lane | null>((best, lane) => (best === null || lane.busy < best.busy ? lane : best), null)
    if (least !== null && (least.busy === 0 || lanes.length >= size)) return least
    const lane = { wire: createWire(), busy: 0 }
    lanes.push(lane)
    return lane
  }
  return {
    send: async (method, params, timeoutMs) => {
      const lane = freest()
      lane.busy += 1
      try {
        return await lane.wire.send(method, params, timeoutMs)
      } finally {
        lane.busy -= 1
      }
    },
    close: () => {
      for (const { wire } of lanes) wire.close()
    },
  }
}
