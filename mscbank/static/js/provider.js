// Signing at the sign-on provider: while its window is open, the form waits, and is sent when it has confirmed.
// Without this script the second button does the same.

const LOOK_EVERY = 2000; // milliseconds
const PATIENCE = 10 * 60 * 1000;

async function isConfirmed(address) {
  try {
    const reply = await fetch(address, { headers: { Accept: "application/json" }, redirect: "manual" });
    return reply.ok && (await reply.json()).confirmed;
  } catch {
    return false; // no network for a moment: asked again
  }
}

function wait(place) {
  const [ask, send] = place.querySelectorAll("button[name]");
  const note = place.querySelector("[data-waiting]");
  const until = Date.now() + PATIENCE;
  let timer = 0;
  const stop = () => {
    clearInterval(timer);
    note.hidden = true;
  };
  ask.addEventListener("click", stop, { once: true });
  note.hidden = false;
  timer = setInterval(async () => {
    if (Date.now() > until) stop();
    else if (await isConfirmed(place.dataset.provider)) {
      stop();
      send.click();
    }
  }, LOOK_EVERY);
}

for (const place of document.querySelectorAll("[data-provider]")) {
  place.querySelector("button[name=ask]").addEventListener("click", () => setTimeout(wait, 0, place));
}
