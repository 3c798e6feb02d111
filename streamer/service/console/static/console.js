// Pages work without this. With it, answers come into the page that is open: what a link or form marked data-into leads
// to is fetched, and the element of that name is taken over from there. What servers send is data and markup that they
// have escaped; nothing is ever run.
"use strict";

const parsed = async (answer) => new DOMParser().parseFromString(await answer.text(), "text/html");

function take(page, selector, address, spot) {
  const found = page.querySelector(selector), here = document.querySelector(selector);
  const error = page.querySelector("#error");
  if (error && spot) { // what is there stays, and what was typed too
    here?.removeAttribute("aria-busy");
    error.className = "notice bad";
    spot.replaceChildren(error);
    return false;
  }
  if (!found || !here) {
    document.querySelector("main").replaceWith(page.querySelector("main"));
    begin(document.querySelector("main"));
    return true;
  }
  here.replaceWith(found);
  if (selector === "main") {
    document.title = page.title;
    if (address) history.replaceState(null, "", address);
    window.scrollTo(0, 0);
  }
  begin(found);
  return true;
}

// Fetches an address and takes the element over; spot is where an error is told.
async function follow(address, options, selector, focus, spot) {
  const place = document.querySelector(selector);
  place?.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(address, { credentials: "same-origin", ...options });
    if (new URL(answer.url).pathname === "/console/login") { location.assign(answer.url); return; }
    const taken = take(await parsed(answer), selector, answer.redirected ? answer.url : null, spot);
    if (taken && focus) document.querySelector(selector)?.focus({ preventScroll: selector === "main" });
    if (!taken && focus) spot.scrollIntoView({ block: "nearest" });
  } catch {
    place?.removeAttribute("aria-busy");
    const text = document.createElement("p");
    text.className = "notice bad";
    text.textContent = "The server does not answer: try again in a moment.";
    spot?.replaceChildren(text);
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
  const spot = document.querySelector(selector === "main" ? "#notice" : selector);
  await follow(posts ? form.getAttribute("action") : addressOf(form), options, selector, true, spot);
  if (button) button.disabled = false;
});

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-into]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  follow(link.href, {}, link.dataset.into, true, link.parentElement);
});

function begin(within) {
  for (const link of within.querySelectorAll("a[data-now]")) {
    follow(link.href, {}, link.dataset.into, false, link.parentElement);
  }
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
