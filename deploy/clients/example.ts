// A caller of the service (docs/service.md): a no, what it does to two candidates, and why.
// node example.js http://localhost:8080 KEY USER
import type { components } from "./streamer";

type Schemas = components["schemas"];
declare const process: { argv: string[] };

const [url, key, user] = process.argv.slice(2);

async function call<Answer>(path: string, body?: object): Promise<Answer> {
  const answer = await fetch(url + path, {
    method: body === undefined ? "GET" : "POST",
    headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!answer.ok) {
    const problem = (await answer.json()) as Schemas["Problem"];
    throw new Error(`${problem.status} ${problem.detail}`);
  }
  return (await answer.json()) as Answer;
}

async function main(): Promise<void> {
  const events: Schemas["EventsRequest"] = {
    events: [{ topic: "dislikes", user_id: user, action: "not_interested", scope: "tag", tag: "yoga" }],
  };
  const sent = await call<Schemas["EventsAnswer"]>("/v1/events", events);

  const asked: Schemas["ScoreRequest"] = {
    candidates: [{ content_id: "stretch", tags: ["Yoga"] }, { content_id: "soup" }],
    relevance: [0.9, 0.6],
    explore: false,
  };
  const path = `/v1/users/${encodeURIComponent(user)}`;
  let scored = await call<Schemas["ScoreAnswer"]>(`${path}/score`, asked);
  while (scored.order.length > 1) {
    await new Promise((resolve) => setTimeout(resolve, 100)); // the list follows within a second
    scored = await call<Schemas["ScoreAnswer"]>(`${path}/score`, asked);
  }
  const told = await call<Schemas["ExplainAnswer"]>(`${path}/explain`);
  console.log(JSON.stringify({ accepted: sent.accepted, order: scored.order, entries: told.entries }));
}

main();
