// Reads avoid lists without Python: spec §9, "Reader". No dependencies.
//
//   const list = new AvoidList(JSON.parse(await redis.get(`avoid:${userId}`)), { userId })
//   const score = relevance * list.penalty({ content_id, creator_id, tags, duration_s }, Date.now())
//
// docs/reader-vectors.json says what must come out.

const DAY_MS = 86_400_000
const LEAST_PENALTY = 0.1
const LEAST_MULTIPLIER = 1e-9

/** The normal form of a tag, as documents have it. JavaScript has no case folding: ß, ﬀ and the like are spelt out. */
export function normalTag(tag) {
  const folded = tag.normalize('NFC').trim().toUpperCase().toLowerCase()
  return folded.normalize('NFC')
}

/** One user's list. `document` null: nothing is known, nothing is avoided. `explore`: see the spec, "Discovery". */
export class AvoidList {
  constructor(document, { userId = document?.user_id ?? '', explore = 0.05 } = {}) {
    this.userId = userId
    this.oneIn = explore > 0 ? Math.round(1 / explore) : 0
    this.byTarget = new Map()
    this.durations = new Map()
    for (const entry of document?.entries ?? []) {
      const [table, key] = entry.kind === 'duration' ? [this.durations, entry.value] : [this.byTarget, `${entry.kind} ${entry.value}`]
      table.set(key, [...(table.get(key) ?? []), entry])
    }
  }

  /** The factor for an item's relevance: 0 excludes, 1 leaves it as it is. `context`: of the request. */
  penalty(item, nowMs, context = {}, discover = true) {
    const here = { ...context, ...item.context }
    const tags = [...new Set((item.tags ?? []).map(normalTag))].filter(Boolean).slice(0, 16)
    const onTarget = (target) => this.byTarget.get(target) ?? []
    const met = [onTarget(`content ${item.content_id}`), onTarget(`creator ${item.creator_id}`)]
    for (const [capS, entries] of this.durations) if (item.duration_s > capS) met.push(entries)
    const least = Math.min(1, ...tags.map((tag) => factor(onTarget(`tag ${tag}`), nowMs, here)))
    const product = met.reduce((all, entries) => all * factor(entries, nowMs, here), 1) * least
    if (product === 0 || product === 1) return product
    if (discover && this.oneIn && isDiscovery(this.userId, item.content_id, nowMs, this.oneIn)) return 1
    return Math.max(LEAST_PENALTY, product)
  }
}

/** What all entries on one target come to; of contextual ones only the least counts. */
function factor(entries, nowMs, context) {
  let product = 1
  let least = 1
  for (const entry of entries) {
    const multiplier = multiplierAt(entry, nowMs)
    if (multiplier === null) continue
    if (!entry.context) product *= multiplier
    else if (Object.entries(entry.context).every(([name, value]) => context[name] === value)) least = Math.min(least, multiplier)
  }
  return product * least
}

/** m(now) = 1 − (1 − m)·(expires_at − now) ÷ (expires_at − start of last_day), within [m, 1]; null: expired. */
function multiplierAt(entry, nowMs) {
  const { expires_at: expiresAt, evidence: { last_day: lastDay } } = entry
  if (expiresAt !== null && expiresAt <= nowMs) return null
  if (entry.tier === 'hard') return 0
  const least = entry.multiplier || LEAST_MULTIPLIER
  if (expiresAt === null || lastDay === null) return least
  const start = Date.parse(`${lastDay}T00:00:00Z`)
  return nowMs <= start ? least : Math.max(least, 1 - ((1 - least) * (expiresAt - nowMs)) / (expiresAt - start))
}

/** Whether soft and strong entries are passed over for this user and content on this UTC day. */
export function isDiscovery(userId, contentId, nowMs, oneIn) {
  const day = new Date(nowMs).toISOString().slice(0, 10)
  return xxhash64(new TextEncoder().encode(`${userId}\n${contentId}\n${day}`)) % BigInt(oneIn) === 0n
}

const [P1, P2, P3, P4, P5] = [
  0x9e3779b185ebca87n, 0xc2b2ae3d27d4eb4fn, 0x165667b19e3779f9n, 0x85ebca77c2b2ae63n, 0x27d4eb2f165667c5n,
]
const u64 = (value) => BigInt.asUintN(64, value)
const rotate = (value, by) => u64((value << by) | (value >> (64n - by)))
const round = (sum, lane) => u64(rotate(u64(sum + lane * P2), 31n) * P1)

/** xxHash64 with seed 0 (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md). */
function xxhash64(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const read64 = (at) => view.getBigUint64(at, true)
  let at = 0
  let hash = P5
  if (bytes.length >= 32) {
    let sums = [u64(P1 + P2), P2, 0n, u64(-P1)]
    for (; at + 32 <= bytes.length; at += 32) sums = sums.map((sum, lane) => round(sum, read64(at + 8 * lane)))
    hash = u64(rotate(sums[0], 1n) + rotate(sums[1], 7n) + rotate(sums[2], 12n) + rotate(sums[3], 18n))
    for (const sum of sums) hash = u64((hash ^ round(0n, sum)) * P1 + P4)
  }
  hash = u64(hash + BigInt(bytes.length))
  for (; at + 8 <= bytes.length; at += 8) hash = u64(rotate(hash ^ round(0n, read64(at)), 27n) * P1 + P4)
  if (at + 4 <= bytes.length) {
    hash = u64(rotate(u64(hash ^ u64(BigInt(view.getUint32(at, true)) * P1)), 23n) * P2 + P3)
    at += 4
  }
  for (; at < bytes.length; at += 1) hash = u64(rotate(hash ^ u64(BigInt(bytes[at]) * P5), 11n) * P1)
  hash = u64((hash ^ (hash >> 33n)) * P2)
  hash = u64((hash ^ (hash >> 29n)) * P3)
  return hash ^ (hash >> 32n)
}
