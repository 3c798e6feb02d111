// node vectors.mjs VECTORS: prints every case in which examples/reader.mjs gives something else.
import { readFileSync } from 'node:fs'
import { AvoidList, isDiscovery, normalTag } from '../../../examples/reader.mjs'

const { explore, document, cases, tags, discoveries } = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const list = new AvoidList(document, { explore })
const differs = (got, wanted) => Math.abs(got - wanted) > 1e-9
for (const each of cases) {
  const [plain, discovering] = [false, true].map((on) => list.penalty(each.candidate, each.now_ms, each.context, on))
  if (differs(plain, each.penalty) || differs(discovering, each.penalty_with_discovery)) console.log({ each, plain, discovering })
}
for (const each of tags) if (normalTag(each.as_sent) !== each.normal) console.log(each)
for (const each of discoveries) {
  if (isDiscovery(each.user_id, each.content_id, Date.parse(each.day), each.one_in) !== each.is) console.log(each)
}
