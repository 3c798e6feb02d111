// Pages work without this. With it, answers come into the page that is open: what a link or form marked data-into leads
// to is fetched, and the element of that name is taken over from there. What servers send is data and markup that they
// have escaped; nothing is ever run.
"use strict";

const parsed = async (answer) => new DOMParser().parseFromString(await answer.text(), "text/html");

function take(page, selector, address) {
  const found = page.querySelector(selector), here = document.querySelector(selector);
  if (!found || !here) { // an error, or the login: the whole page
    document.querySelector("main").replaceWith(page.querySelector("main"));
    begin(document.querySelector("main"));
    return;
  }
  here.replaceWith(found);
  if (selector !== "main") {
    const told = page.querySelector("#notice"), place = document.querySelector("#notice");
    if (told && place && told.textContent.trim()) place.replaceWith(told);
  } else {
    document.title = page.title;
    if (address) history.replaceState(null, "", address);
    window.scrollTo(0, 0);
  }
  begin(found);
}

async function follow(address, options, selector, focus) {
  const place = document.querySelector(selector);
  place?.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(address, { credentials: "same-origin", ...options });
    if (new URL(answer.url).pathname === "/console/login") { location.assign(answer.url); return; }
    take(await parsed(answer), selector, answer.redirected ? answer.url : null);
    if (focus) document.querySelector(selector)?.focus({ preventScroll: selector === "main" });
  } catch {
    place?.removeAttribute("aria-busy");
    const told = document.querySelector("#notice");
    if (told) {
      const text = document.createElement("p");
      text.className = "notice bad";
      text.textContent = "The server does not answer: try again in a moment.";
      told.replaceChildren(text);
    }
  }
}

function addressOf(form) { // not form.action: that may be a field of this name
  const asked = new URL(form.getAttribute("action"), location.href);
  asked.search = new URLSearchParams(new FormData(form)).toString();
  return asked;
}

document.addEventListener("submit", async (event) => {
  const form = event.target, selector = form.dataset.into;
  if (!selector) return;
  event.preventDefault();
  const button = form.querySelector("button:not([type=button])");
  if (button) button.disabled = true;
  const posts = form.getAttribute("method") === "post";
  const options = posts ? { method: "POST", body: new URLSearchParams(new FormData(form)) } : {};
  await follow(posts ? form.getAttribute("action") : addressOf(form), options, selector, true);
  if (button) button.disabled = false;
});

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-into]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  follow(link.href, {}, link.dataset.into, true);
});

function begin(within) {
  for (const link of within.querySelectorAll("a[data-now]")) follow(link.href, {}, link.dataset.into, false);
  for (const place of within.querySelectorAll("[data-live]")) {
    const events = new EventSource(place.dataset.live);
    const hold = document.createElement("button");
    let held = false;
    hold.id = `${place.id}-hold`;
    hold.type = "button";
    hold.className = "quiet";
    hold.textContent = "Hold";
    hold.onclick = () => { held = !held; hold.textContent = held ? "Go on" : "Hold"; };
    place.before(hold);
    events.onmessage = (event) => {
      if (!place.isConnected) { events.close(); return; }
      if (held || place.contains(document.activeElement)) return; // whoever reads by keyboard is not interrupted
      place.replaceChildren(...new DOMParser().parseFromString(event.data, "text/html").body.childNodes);
    };
  }
}

begin(document);
